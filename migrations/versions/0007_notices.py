"""Keep notices and who has read them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Times are whole microseconds since 1970.
MICROS = sa.BigInteger()
BIG_ID = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("number", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("permission", sa.String(length=40), nullable=False),
        sa.Column("restricted_to", sa.String(length=80), nullable=True),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_notices"),
        sa.UniqueConstraint("org_id", "id", name="uq_notices_org_id_id"),
    )
    op.create_index("ix_notices_at", "notices", ["at"])
    op.create_index("ix_notices_org_id_scope_number", "notices", ["org_id", "scope", "number"])
    op.create_table(
        "notice_marks",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("read_through", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "scope", "person_id", name="pk_notice_marks"),
    )
    op.create_table(
        "notice_reads",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "scope", "person_id", "number", name="pk_notice_reads"),
    )
    op.create_index("ix_notice_reads_number", "notice_reads", ["number"])


def downgrade() -> None:
    op.drop_table("notice_reads")
    op.drop_table("notice_marks")
    op.drop_table("notices")
