"""One file per protocol spoken by clients: bytes -> RawCall, and how its answer is metered. Unknown fields travel untouched."""
