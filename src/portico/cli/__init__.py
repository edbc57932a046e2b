"""`portico <noun> <verb>`: a typed client of the API, plus what runs on the machine itself (serve, up, migrate, doctor).

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not reachable, 4 not signed in.
Machine output goes to stdout, words for people about what happens go to stderr.
"""
