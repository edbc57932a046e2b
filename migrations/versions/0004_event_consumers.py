"""Let the log say what an event is about, and remember how far each consumer has read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("events", sa.Column("subject", sa.String(length=200), nullable=False, server_default=sa.text("''")))
    op.add_column("events", sa.Column("category", sa.String(length=12), nullable=False, server_default=sa.text("''")))
    op.add_column("events", sa.Column("origin", JSON, nullable=True))
    op.create_index("ix_events_org_id_scope_subject_seq", "events", ["org_id", "scope", "subject", "seq"])
    op.create_index("ix_events_org_id_scope_category_seq", "events", ["org_id", "scope", "category", "seq"])
    create_event_cursors()
    create_parked_events()
    create_dead_letters()
    create_event_counts()
    create_published_events()
    create_event_types()


def downgrade() -> None:
    for table in ("event_types", "published_events", "event_counts", "dead_letters", "parked_events", "event_cursors"):
        op.drop_table(table)
    op.drop_index("ix_events_org_id_scope_category_seq", "events")
    op.drop_index("ix_events_org_id_scope_subject_seq", "events")
    for column in ("origin", "category", "subject"):
        op.drop_column("events", column)


def create_event_cursors() -> None:
    op.create_table(
        "event_cursors",
        sa.Column("consumer", sa.String(length=80), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "org_id", name="pk_event_cursors"),
    )


def create_parked_events() -> None:
    op.create_table(
        "parked_events",
        sa.Column("consumer", sa.String(length=80), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("first_failed_at", sa.BigInteger(), nullable=True),
        sa.Column("event", JSON, nullable=True),
        sa.Column("payload", JSON, nullable=True),
        sa.Column("dead_letter_id", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("consumer", "org_id", "seq", name="pk_parked_events"),
    )
    columns = ["consumer", "org_id", "subject", "seq"]
    op.create_index("ix_parked_events_consumer_org_id_subject_seq", "parked_events", columns)
    op.create_index("ix_parked_events_next_at", "parked_events", ["next_at"])


def create_dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("consumer", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("event", JSON, nullable=False),
        sa.Column("payload", JSON, nullable=True),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", sa.BigInteger(), nullable=False),
        sa.Column("died_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
    )
    op.create_index("ix_dead_letters_died_at", "dead_letters", ["died_at"])
    op.create_index("ix_dead_letters_org_id_died_at_id", "dead_letters", ["org_id", "died_at", "id"])


def create_event_counts() -> None:
    op.create_table(
        "event_counts",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("happened", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "scope", "day", "kind", name="pk_event_counts"),
    )


def create_published_events() -> None:
    op.create_table(
        "published_events",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "scope", "source", "external_id", name="pk_published_events"),
    )
    op.create_index("ix_published_events_at", "published_events", ["at"])


def create_event_types() -> None:
    op.create_table(
        "event_types",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("summary", sa.String(length=300), nullable=False),
        sa.Column("schema", JSON, nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "kind", name="pk_event_types"),
    )
