"""Keep tools with their definitions, what is known of their servers, and policies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Times are whole microseconds since 1970.
MICROS = sa.BigInteger()
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NAME = sa.String(length=200).with_variant(postgresql.VARCHAR(200, collation="C"), "postgresql")


def upgrade() -> None:
    create_tools()
    create_versions()
    create_servers()
    create_policies()


def downgrade() -> None:
    for table in ("policy_versions", "policies", "tool_terms", "tool_servers", "tool_versions", "tools"):
        op.drop_table(table)


def create_tools() -> None:
    op.create_table(
        "tools",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("seen_pin", sa.String(length=64), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", MICROS, nullable=False),
        sa.Column("changed_at", MICROS, nullable=False),
        sa.Column("approved_pin", sa.String(length=64), nullable=True),
        sa.Column("approved_as", sa.String(length=16), nullable=True),
        sa.Column("approved_by", sa.String(length=40), nullable=True),
        sa.Column("approved_at", MICROS, nullable=True),
        sa.Column("rejected_pin", sa.String(length=64), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("deprecated_at", MICROS, nullable=True),
        sa.Column("sunset_at", MICROS, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("gone_at", MICROS, nullable=True),
        sa.Column("cache_ttl_s", sa.Integer(), nullable=False),
        sa.Column("cache_scope", sa.String(length=16), nullable=False),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_tools_service_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tools"),
        sa.UniqueConstraint("service_id", "name", name="uq_tools_service_id_name"),
    )
    op.create_index("ix_tools_org_id_name_id", "tools", ["org_id", "name", "id"])


def create_versions() -> None:
    op.create_table(
        "tool_versions",
        sa.Column("tool_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("pin", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("seen_at", MICROS, nullable=False),
        sa.Column("seen_in", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["tool_id"], ["tools.id"], name="fk_tool_versions_tool_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tool_id", "number", name="pk_tool_versions"),
        sa.UniqueConstraint("tool_id", "pin", name="uq_tool_versions_tool_id_pin"),
    )


def create_servers() -> None:
    op.create_table(
        "tool_servers",
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("first_seen", sa.String(length=16), nullable=False),
        sa.Column("listed_at", MICROS, nullable=True),
        sa.Column("tried_at", MICROS, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_tool_servers_service_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("service_id", name="pk_tool_servers"),
    )
    op.create_table(
        "tool_terms",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("quarantine_always", sa.Boolean(), nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="pk_tool_terms"),
    )


def create_policies() -> None:
    op.create_table(
        "policies",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("effect", sa.String(length=16), nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("subjects", JSON, nullable=False),
        sa.Column("targets", JSON, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
        sa.UniqueConstraint("org_id", "name", name="uq_policies_org_id_name"),
    )
    op.create_table(
        "policy_versions",
        sa.Column("policy_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("changed_by", sa.String(length=40), nullable=False),
        sa.Column("changed_at", MICROS, nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policies.id"], name="fk_policy_versions_policy_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("policy_id", "version", name="pk_policy_versions"),
    )
