"""Publishing lets other systems tell an org's log what happened with them, in the CloudEvents 1.0 envelope.

Who publishes: principals with events.publish; an org's admins may register a type with a schema that its data must fit.
Records: the published events themselves, of category integration; event_type.registered, event_type.removed.
Invariants: nobody publishes under a noun of the house; one (source, id) is recorded once in a scope, however often it is sent;
what is recorded fitted its type's schema at that moment.
"""
