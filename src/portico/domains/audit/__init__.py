"""The audit trail: who did what to what, from where, and whether it was allowed; a hash chain per org.

Who records: a domain's service, in the transaction of the change. Who reads: people with audit.read; superadmins read the
platform's own chain, where things stand that belong to no org (a failed sign-in).
Invariants: each entry's hash is a keyed hash over its content and the hash before it, so that nobody without the master key
can change, insert or remove one unnoticed; the head row, sealed the same way, shows a tail that was cut off; the entry of a
chain never forks, because the head is locked until the commit.
"""
