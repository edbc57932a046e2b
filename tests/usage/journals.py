"""Builds journal lines and journal files as a gateway would write them."""

from pathlib import Path
from typing import Any

from portico.domains.usage.lines import encode_line
from portico.domains.usage.model import CallLine, Charge, JournalLine, OpenLine, ReserveLine, Stage
from portico.kernel import ids
from portico.kernel.ids import CallId, OrgId
from portico.kernel.scope import ENTERPRISE, Actor, OrgScope, ScopeName

ORG = OrgId("org_1")
OTHER_ORG = OrgId("org_2")
NOON_US = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z
GATEWAY = "gw-1"


def reader(org_id: OrgId = ORG, scope: ScopeName = ENTERPRISE) -> OrgScope:
    return OrgScope(org_id, scope, Actor("person", "per_1", "Ada"), frozenset({"calls.read"}))


def call(**changes: Any) -> CallLine:
    values: dict[str, Any] = {
        "id": ids.new(CallId),
        "at_us": NOON_US,
        "org_id": ORG,
        "scope": "ENTERPRISE",
        "principal_kind": "key",
        "principal_id": "key_1",
        "principal_name": "support-bot",
        "service_id": "svc_1",
        "service": "inventory",
        "service_kind": "http",
        "dialect": "http",
        "method": "GET",
        "path": "/svc/inventory/stock",
        "verdict": "allowed",
        "status": 200,
        "snapshot_version": 7,
        "correlation_id": "req-1",
        "trace": "",
        "duration_us": 2500,
        "added_us": 90,
        "attempts": 1,
        "stages": (Stage("identify", 0, 12, "key pk_9f3a1c2d support-bot"),),
    }
    return CallLine(**(values | changes))


def reservation(of: CallLine, charges: tuple[Charge, ...]) -> ReserveLine:
    shared = {name: getattr(of, name) for name in ReserveLine.__struct_fields__ if name != "charges"}
    return ReserveLine(**shared, charges=charges)


def opening(epoch: str, gateway_id: str = GATEWAY) -> OpenLine:
    return OpenLine(gateway_id, epoch, NOON_US)


def lines(*written: JournalLine) -> bytes:
    return b"".join(encode_line(line) + b"\n" for line in written)


def append(journal_dir: Path, content: bytes, epoch: str = "e1", number: int = 1, gateway_id: str = GATEWAY) -> Path:
    path = journal_dir / gateway_id / f"{epoch}-{number}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(content)
    return path
