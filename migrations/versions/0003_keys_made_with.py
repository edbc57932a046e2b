"""Remember with which key a key was made, so that it goes when that one is revoked."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("made_with", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "made_with")
