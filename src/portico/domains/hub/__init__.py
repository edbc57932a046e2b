"""The hub knows every service that agents may call: its versions and endpoints, methods, price, models and health.

Who exists: a service belongs to an org and is seen in one scope or in all; a restricted one exists only for those with a
grant, whoever made it, and admins. Portico's own rooms appear as built-in services, computed and read-only.
Invariants: one name, and one model name, means one service within a scope; at least one active version has weight;
a service that uses a secret says so to the vault. Health is judged by probes from outside, never by the calls themselves.
Records service.created, .updated, .deleted, .version_added, .version_updated, .version_removed, .endpoint_added,
.endpoint_updated, .endpoint_removed, .lease_expired, .health_degraded, .health_recovered, .breaker_reset.
"""
