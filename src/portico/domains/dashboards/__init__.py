"""Dashboards: what an org wants to see at a glance, arranged in widgets, and kept alike in every tab that shows it.

Who exists: a dashboard, private to its owner or shared with everyone of its org and scope; its state, one document of layout
and widgets with a version; the changes that led to it; and proposals, widgets that a program offers and a person keeps or
discards. `widgets.schema.json` is the one source of the widget types; `widgets.py` is made from it and checks them.
Invariants: a state always satisfies the schema and is at most 64 KB; each applied patch adds exactly one to the version and
only on the version it was made for; a change is stored before anyone is told of it; what one may not see does not exist.
Events: dashboard.created, updated, deleted, expired, composed, proposal_kept, proposal_discarded.
"""
