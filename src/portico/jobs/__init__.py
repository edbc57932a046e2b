"""What Portico does by itself: reconcilers, woken by nudges and by timers.

A reconciler takes no input and looks at the state itself, so a lost nudge costs latency and a second run costs nothing.
`plan` is the one list of them; `driver` runs each in its own loop, never twice at once.
"""
