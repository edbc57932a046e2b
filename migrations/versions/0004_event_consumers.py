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


def downgrade() -> None:
    op.drop_index("ix_events_org_id_scope_category_seq", "events")
    op.drop_index("ix_events_org_id_scope_subject_seq", "events")
    for column in ("origin", "category", "subject"):
        op.drop_column("events", column)
