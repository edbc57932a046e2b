"""Keep of a call only what is searched and summed as columns and the rest as one value, under fewer indexes."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql, sqlite

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
PIECE = 1000

# In the order of the details; what stands last is what no row may be without.
PACKED: tuple[tuple[str, Any, bool], ...] = (
    ("version", sa.Text(), True),
    ("endpoint", sa.Text(), True),
    ("endpoint_id", sa.String(length=64), True),
    ("canary", sa.Boolean(), False),
    ("principal_kind", sa.String(length=16), False),
    ("dialect", sa.String(length=32), False),
    ("method", sa.Text(), False),
    ("path", sa.Text(), False),
    ("model", sa.Text(), True),
    ("reason", sa.Text(), True),
    ("message", sa.Text(), True),
    ("streamed", sa.Boolean(), False),
    ("cached", sa.Boolean(), False),
    ("attempts", sa.Integer(), False),
    ("first_byte_us", sa.BigInteger(), True),
    ("tokens_estimated", sa.Boolean(), False),
    ("reserved_microusd", sa.BigInteger(), False),
    ("bytes_in", sa.BigInteger(), False),
    ("bytes_out", sa.BigInteger(), False),
    ("snapshot_version", sa.BigInteger(), False),
    ("trace_id", sa.Text(), False),
    ("address", sa.Text(), True),
    ("charges", JSON, False),
    ("stages", JSON, False),
)
NAMES = [name for name, _, _ in PACKED]
calls = sa.table(
    "calls",
    sa.column("position", BIG_ID),
    sa.column("details", sa.LargeBinary()),
    *(sa.column(name, kind) for name, kind, _ in PACKED),
)


def upgrade() -> None:
    op.drop_index("ix_calls_principal", "calls")
    op.drop_index("ix_calls_service", "calls")
    op.add_column("calls", sa.Column("details", sa.LargeBinary(), nullable=True))
    for rows in pieces([calls.c[name] for name in NAMES]):
        rewrite([{"at_position": row.position, "details": json.dumps(list(row[1:])).encode()} for row in rows])
    with op.batch_alter_table("calls") as table:
        table.alter_column("details", existing_type=sa.LargeBinary(), nullable=False)
        for name in NAMES:
            table.drop_column(name)


def downgrade() -> None:
    for name, kind, _ in PACKED:
        op.add_column("calls", sa.Column(name, kind, nullable=True))
    for rows in pieces([calls.c.details]):
        rewrite([{"at_position": row.position} | unpacked(row.details) for row in rows])
    with op.batch_alter_table("calls") as table:
        for name, kind, optional in PACKED:
            table.alter_column(name, existing_type=kind, nullable=optional)
        table.drop_column("details")
    op.create_index("ix_calls_principal", "calls", ["org_id", "scope", "principal_id", "at", "id"])
    op.create_index("ix_calls_service", "calls", ["org_id", "scope", "service", "at", "id"])


def unpacked(details: bytes) -> dict[str, Any]:
    return dict(zip(NAMES, json.loads(details), strict=True))


def pieces(columns: Sequence[sa.ColumnClause[Any]]) -> Iterator[Sequence[sa.Row[Any]]]:
    """All rows in the order of their position, a bounded number at a time."""
    last = -1
    query = sa.select(calls.c.position, *columns).order_by(calls.c.position).limit(PIECE)
    while rows := op.get_bind().execute(query.where(calls.c.position > last)).all():
        yield rows
        last = rows[-1].position


def rewrite(rows: list[dict[str, Any]]) -> None:
    values = {name: sa.bindparam(name) for name in rows[0] if name != "at_position"}
    op.get_bind().execute(sa.update(calls).where(calls.c.position == sa.bindparam("at_position")).values(values), rows)
