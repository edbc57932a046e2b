"""Routing turns what the hub, tenancy, limits and the vault know into one Snapshot, and feeds it to the gateways.

Invariants: a snapshot is immutable and swapped whole; its version only grows; a credential in it stays sealed.
"""
