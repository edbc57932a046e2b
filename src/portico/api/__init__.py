"""The management door: `/api/v1`, health, metrics, the reference at /docs and the web client.

A request passes, from the outside in: correlation (ids in and out), measuring, headers, failures (every exception becomes the
one error body), CORS, body checks, identification; then the route of its domain. Whatever is not on the short public list
needs a credential, including what somebody adds tomorrow.
"""
