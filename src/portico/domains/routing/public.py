"""What other rooms and the doors may ask of routing."""

from portico.domains.routing.compile import SnapshotContended, compile_snapshot

__all__ = ["SnapshotContended", "compile_snapshot"]
