"""Webhooks: an org's events, signed and sent to the endpoints it names, in order, at least once.

Who exists: an endpoint (a URL with a filter and a secret), a delivery (one event on its way to one endpoint) and its
attempts. Deliveries are made by the log's consumer, in the transaction that moves its cursor; the sender carries them out.

Invariants: the same event to the same endpoint has one delivery with one id, however often it is sent; what is signed is
what is stored, byte for byte; of the deliveries of one endpoint about one subject only the oldest pending one has a time
to be sent at, the others wait behind it; an endpoint's `pending` and `due_at` tell the truth about its queue at every
commit; a secret is shown once and stored sealed.
"""
