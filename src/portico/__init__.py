"""Portico: the self-hosted control plane for AI agents."""

__version__ = "0.1.0"

from portico.compiled import prefer_compiled

prefer_compiled()
