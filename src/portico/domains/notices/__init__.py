"""Notices: the few events that a person should know of without looking for them, in words, with a place to go to.

Who exists: a notice (made once from one event, in the transaction that moves the consumer's cursor) and, for each person, how
far they have read. Which kinds become a notice, for whom, and what it says stands in `catalogue`.

Invariants: one notice per event, however often it is consumed; who may not see what it is about does not see the notice,
decided anew at each reading; nobody is told what they did themselves; kept for 90 days, and at most 10,000 in a scope.
"""
