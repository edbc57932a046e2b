"""Consumers follow the log: each reads every event once, in its own pace, and what fails reaches people instead of getting lost.

Who follows: what jobs/plan.py lists. A cursor per consumer and org moves in the transaction of the effect. An event that fails, or
on which a consumer hangs, is parked and tried again after 1, 5 and 30 minutes; later events of its subject wait behind it, other
subjects go on. After that it is a dead letter: people look at it, mend its payload, retry or discard it. Events can be replayed to
one consumer, and a projection can be rebuilt from the log. Orgs without news cost nothing each, and cursors pass together over
what nobody wants.
Records: consumer.dead_letters_filling, consumer.dead_letters_full.
Invariants: every wanted event is consumed, parked or dead, exactly one of them, for every consumer; within one subject the order
of the log is kept, but for dead letters; parked events and dead letters are bounded, and a full park holds its cursor back.
Locks: the log, then cursors, then all else. A share takes the log's only when it may record, so writers do not wait for readers.
"""
