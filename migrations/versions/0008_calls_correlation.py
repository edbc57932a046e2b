"""Keep in the index of correlation ids only those that clients brought; the others lead to the call's own id."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEX = "ix_calls_correlation"
COLUMNS = ["org_id", "scope", "correlation_id"]
BROUGHT = sa.text("correlation_id != ''")
# From now on those made from the call's own id (req-X of call_X) are left empty; those that are written out may stay.
WRITTEN_OUT = sa.text("UPDATE calls SET correlation_id = 'req-' || substr(id, 6) WHERE correlation_id = ''")

# An open reservation is kept as its journal line, which became an array.
PARTIES = ("org_id", "scope", "principal_id", "principal_name", "service_id", "service", "service_kind")
AFTER = (
    "principal_kind",
    "dialect",
    "method",
    "path",
    "model",
    "correlation_id",
    "snapshot_version",
    "reserved_microusd",
)
reservations = sa.table("open_reservations", sa.column("call_id", sa.String()), sa.column("line", sa.LargeBinary()))


def upgrade() -> None:
    op.drop_index(INDEX, "calls")
    op.create_index(INDEX, "calls", COLUMNS, sqlite_where=BROUGHT, postgresql_where=BROUGHT)
    rewrite_reservations(as_array)


def downgrade() -> None:
    op.drop_index(INDEX, "calls")
    op.execute(WRITTEN_OUT)
    op.create_index(INDEX, "calls", COLUMNS)
    rewrite_reservations(as_object)


def as_array(line: dict[str, Any]) -> list[Any]:
    parties, after = ([line.get(name) for name in names] for names in (PARTIES, AFTER))
    return ["reserve", line["id"], line["at_us"], parties, *after, line["charges"]]


def as_object(line: list[Any]) -> dict[str, Any]:
    _, call_id, at_us, parties, *after, charges = line
    values = zip((*PARTIES, *AFTER), (*parties, *after), strict=True)
    found = {"t": "reserve", "id": call_id, "at_us": at_us, "charges": charges, **dict(values)}
    found["correlation_id"] = found["correlation_id"] or "req-" + call_id[len("call_") :]
    return found


def rewrite_reservations(change: Any) -> None:
    """As many as calls were under way when a gateway died."""
    rows = op.get_bind().execute(sa.select(reservations)).all()
    statement = (
        sa.update(reservations).where(reservations.c.call_id == sa.bindparam("of")).values(line=sa.bindparam("new"))
    )
    if rows:
        changed = [{"of": row.call_id, "new": json.dumps(change(json.loads(row.line))).encode()} for row in rows]
        op.get_bind().execute(statement, changed)
