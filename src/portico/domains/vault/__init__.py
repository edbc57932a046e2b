"""The vault keeps an org's secrets sealed: provider keys and tokens that services need upstream.

Invariants: a value comes in and never goes out through the API; only a gateway opens it, in memory. Each value is sealed
with its org, name and version, so that a sealed value moved elsewhere does not open. A rotation destroys the old value.
A secret that something uses cannot be deleted. Records secret.created, secret.rotated, secret.deleted and who uses what.
"""
