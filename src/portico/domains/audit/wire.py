"""How the audit trail looks to clients."""

import json
from typing import Any, Literal

from portico.domains.audit.model import Entry, Outcome, Proof, Severity
from portico.platform.web import Moment, Wire


class ActorWire(Wire):
    kind: Literal["person", "key", "system"]
    id: str
    name: str


class AuditTargetWire(Wire):
    kind: str
    id: str
    name: str


class AuditEntryWire(Wire):
    seq: int
    at: Moment
    actor: ActorWire
    action: str
    target: AuditTargetWire | None
    outcome: Outcome
    severity: Severity
    detail: dict[str, Any]
    hash: str
    prev_hash: str
    address: str | None


class AuditProofWire(Wire):
    verified: bool
    entries: int
    first_bad_seq: int | None
    checked_at: Moment


def entry_wire(entry: Entry) -> AuditEntryWire:
    return AuditEntryWire(
        seq=entry.seq,
        at=entry.at,
        actor=ActorWire.model_validate(entry.actor),
        action=entry.action,
        target=None if entry.target is None else AuditTargetWire.model_validate(entry.target),
        outcome=entry.outcome,
        severity=entry.severity,
        detail=json.loads(entry.detail),
        hash=entry.hash,
        prev_hash=entry.prev_hash,
        address=entry.actor.address,
    )


def proof_wire(proof: Proof) -> AuditProofWire:
    return AuditProofWire.model_validate(proof)
