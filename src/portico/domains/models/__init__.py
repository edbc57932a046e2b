"""What an org says of its models, and the names that stand for one of several.

Who exists: the facts of a model (a model is a name that a model service offers; the hub says which), and model routes: names
that clients use like a model's, with rules for which model is meant. Services, prices and health are the hub's.

Invariants: a model has at most one set of facts; a model's own name always wins over a route's; which model a call goes to is
decided by the same pure rules in the gateway and in a dry run; what a route may choose among is bounded.
Records model.updated, .reset, .deprecated, .deprecated_called, .retiring, .retired, model_route.created, .updated, .deleted.
"""
