"""Limits: how fast (rates) and how much (budgets). Reserve before a call leaves, settle after, release on failure.

Invariants: what is charged plus what is held never exceeds a budget's limit; the tightest limit answers by name.
"""
