"""Where to find the calls of a trace that a client brought."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_traces",
        sa.Column("org_id", sa.String(64), primary_key=True),
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("trace_id", sa.String(32), primary_key=True),
        sa.Column("call_id", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_call_traces_age", "call_traces", ["at"])


def downgrade() -> None:
    op.drop_table("call_traces")
