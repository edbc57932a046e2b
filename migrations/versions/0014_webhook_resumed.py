"""When a webhook listened: positions of the log at which it was not there, paused or disabled."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
# What waits in the log is not for those that take nothing now; they listen again from when they are resumed.
SILENT_NOW = sa.text("UPDATE webhooks SET silences = '[[0, null]]' WHERE status != 'active'")


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("silences", JSON, nullable=False, server_default="[]"))
    op.execute(SILENT_NOW)


def downgrade() -> None:
    op.drop_column("webhooks", "silences")
