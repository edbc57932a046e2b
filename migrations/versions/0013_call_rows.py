"""Keep whom many calls share once, under a number that the rows of calls hold."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
PARTIES: tuple[tuple[str, Any], ...] = (
    ("org_id", sa.String(64)),
    ("scope", sa.String(64)),
    ("principal_id", sa.String(64)),
    ("principal_name", sa.Text()),
    ("service_id", sa.String(64)),
    ("service", sa.Text()),
    ("service_kind", sa.String(16)),
)
NAMES = [name for name, _ in PARTIES]
PIECE = 500
BROUGHT = sa.text("correlation_id != ''")
OLD = {
    "ix_calls_newest": "org_id scope at id verdict status service_kind cost_microusd service principal_id",
    "ix_calls_feed": "org_id scope position",
    "ix_calls_correlation": "org_id scope correlation_id",
}
NEW = {
    "ix_calls_newest": "place at id verdict status cost_microusd party",
    "ix_calls_feed": "place position",
    "ix_calls_correlation": "place correlation_id",
}
TO_NUMBERS = f"""
    UPDATE calls SET (place, party) = (
        SELECT place, id FROM call_parties WHERE {" AND ".join(f"call_parties.{name} = calls.{name}" for name in NAMES)}
    )
"""  # noqa: S608
TO_NAMES = f"""
    UPDATE calls SET ({", ".join(NAMES)}) = (SELECT {", ".join(NAMES)} FROM call_parties WHERE id = calls.party)
"""  # noqa: S608

calls = sa.table("calls", sa.column("position", BIG_ID), *(sa.column(name, kind) for name, kind in PARTIES))
places = sa.table("call_places", sa.column("id", BIG_ID), sa.column("org_id"), sa.column("scope"))
parties = sa.table(
    "call_parties",
    sa.column("digest"),
    sa.column("place"),
    sa.column("newest"),
    *(sa.column(name, kind) for name, kind in PARTIES),
)


def upgrade() -> None:
    create_tables()
    fill_tables()
    drop_indexes()
    for name in ("place", "party"):
        op.add_column("calls", sa.Column(name, sa.BigInteger(), nullable=True))
    op.execute(sa.text(TO_NUMBERS))
    with op.batch_alter_table("calls") as table:
        for name in ("place", "party"):
            table.alter_column(name, existing_type=sa.BigInteger(), nullable=False)
        for name in NAMES:
            table.drop_column(name)
    create_indexes(NEW)


def downgrade() -> None:
    drop_indexes()
    for name, kind in PARTIES:
        op.add_column("calls", sa.Column(name, kind, nullable=True))
    op.execute(sa.text(TO_NAMES))
    with op.batch_alter_table("calls") as table:
        for name, kind in PARTIES:
            table.alter_column(name, existing_type=kind, nullable=False)
        for name in ("place", "party"):
            table.drop_column(name)
    create_indexes(OLD)
    op.drop_table("call_parties")
    op.drop_table("call_places")


def create_tables() -> None:
    op.create_table(
        "call_places",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("org_id", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.UniqueConstraint("org_id", "scope", name="uq_call_places_org_id_scope"),
    )
    op.create_table(
        "call_parties",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in PARTIES),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("digest", name="uq_call_parties_digest"),
    )
    op.create_index("ix_call_parties_place", "call_parties", ["place", "service", "principal_id"])


def fill_tables() -> None:
    connection = op.get_bind()
    connection.execute(
        sa.insert(places).from_select(["org_id", "scope"], sa.select(calls.c.org_id, calls.c.scope).distinct())
    )
    place_of = {(row.org_id, row.scope): row.id for row in connection.execute(sa.select(places))}
    names = [calls.c[name] for name in NAMES]
    found = connection.execute(sa.select(*names, sa.func.max(calls.c.position).label("newest")).group_by(*names)).all()
    rows = [
        row._asdict() | {"digest": digest_of(row[: len(NAMES)]), "place": place_of[row.org_id, row.scope]}
        for row in found
    ]
    for start in range(0, len(rows), PIECE):
        connection.execute(sa.insert(parties), rows[start : start + PIECE])


def digest_of(values: Any) -> str:
    """As the folder makes it: of the values as one JSON array without spaces."""
    said = json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def drop_indexes() -> None:
    for name in OLD:
        op.drop_index(name, "calls")


def create_indexes(indexes: dict[str, str]) -> None:
    for name, columns in indexes.items():
        brought = {"sqlite_where": BROUGHT, "postgresql_where": BROUGHT} if name == "ix_calls_correlation" else {}
        op.create_index(name, "calls", columns.split(), **brought)
