"""Events are the org's log: immutable facts with a gap-free sequence, recorded in the transaction of what they tell.

Who records: a domain's service, never anyone else; what comes from outside is recorded by publishing. Who reads: people with
events.read, the realtime feed by position, and consumers by their cursors.
Invariants: a kind is declared by the domain that records it, with its exact fields and their types; positions of an org only
grow and none is skipped; an event is never changed, and goes only by retention, oldest first, once it is in the archive.
"""
