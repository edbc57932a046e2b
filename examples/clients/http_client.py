"""A plain HTTP service behind Portico, called with nothing but the standard library.

PORTICO_KEY=pk_... python examples/clients/http_client.py
"""

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

BASE = os.environ.get("PORTICO_URL", "http://127.0.0.1:8009") + "/svc/inventory"
HEADERS = {"Authorization": f"Bearer {os.environ['PORTICO_KEY']}", "Content-Type": "application/json"}


def call(method: str, path: str, body: dict[str, int] | None = None) -> None:
    data = None if body is None else json.dumps(body).encode()
    request = Request(BASE + path, data, HEADERS, method=method)  # noqa: S310 - the address is the caller's own
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            status, headers, text = answer.status, answer.headers, answer.read()
    except HTTPError as error:
        with error:
            status, headers, text = error.code, error.headers, error.read()
    print(f"{method} {path} -> {status}, call {headers['X-Portico-Call']}: {text.decode()}")


call("GET", "/stock/TROLLEY-250")
call("POST", "/stock/TROLLEY-250/reserve", {"quantity": 2})
call("POST", "/stock/TROLLEY-250/reserve", {"quantity": 2})
