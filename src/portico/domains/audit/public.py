"""What others may ask of the audit trail."""

from portico.domains.audit.model import Entry, Proof, Search, Severity, Target
from portico.domains.audit.service import purge_audit, record, record_platform, search_audit, verify_audit

__all__ = [
    "Entry",
    "Proof",
    "Search",
    "Severity",
    "Target",
    "purge_audit",
    "record",
    "record_platform",
    "search_audit",
    "verify_audit",
]
