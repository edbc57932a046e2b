"""Browser sockets: a snapshot, then what comes after it, of one org and scope.

A socket is opened with a single-use ticket and never by a cookie. Each (org, scope, topic) that somebody listens to has one
pump, which pulls from the database by its cursor; what a client cannot keep up with is dropped and it is told to resync.
"""
