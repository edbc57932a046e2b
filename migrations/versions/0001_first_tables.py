"""The first shape of the database: every table, its indexes, and the guards that keep history append-only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql, sqlite

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Times are whole microseconds since 1970.
MICROS = sa.BigInteger()
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")

EVENTS_GUARDS = {
    "sqlite": (
        """CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
        """CREATE TRIGGER events_no_delete BEFORE DELETE ON events
WHEN OLD.seq > (SELECT floor FROM org_sequences WHERE org_id = OLD.org_id)
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
    ),
    "postgresql": (
        """CREATE OR REPLACE FUNCTION events_guard() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
IF TG_OP = 'UPDATE' OR OLD.seq > (SELECT floor FROM org_sequences WHERE org_id = OLD.org_id) THEN
RAISE EXCEPTION 'events are append-only'; END IF;
RETURN OLD; END $body$""",
        """CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
FOR EACH ROW EXECUTE FUNCTION events_guard()""",
    ),
}

AUDIT_GUARDS = {
    "sqlite": (
        """CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
        """CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries
WHEN OLD.seq > (SELECT floor FROM audit_heads WHERE org_id = OLD.org_id)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    ),
    "postgresql": (
        """CREATE OR REPLACE FUNCTION audit_entries_guard() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
IF TG_OP = 'UPDATE' OR OLD.seq > (SELECT floor FROM audit_heads WHERE org_id = OLD.org_id) THEN
RAISE EXCEPTION 'the audit trail is append-only'; END IF;
RETURN OLD; END $body$""",
        """CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
FOR EACH ROW EXECUTE FUNCTION audit_entries_guard()""",
    ),
}


def upgrade() -> None:
    create_events()
    create_audit()
    create_tenancy()
    create_vault()
    create_limits()
    create_hub()
    create_routing()
    create_usage()


def downgrade() -> None:
    op.drop_table("open_reservations")
    op.drop_table("journal_positions")
    op.drop_table("calls")
    op.drop_table("call_totals")
    op.drop_table("snapshot_versions")
    op.drop_table("service_endpoints")
    op.drop_table("service_versions")
    op.drop_table("services")
    op.drop_table("limits")
    op.drop_table("budgets")
    op.drop_table("budget_use")
    op.drop_table("secret_uses")
    op.drop_table("secrets")
    op.drop_table("refresh_tokens")
    op.drop_table("sign_ins")
    op.drop_table("scopes")
    op.drop_table("memberships")
    op.drop_table("invitations")
    op.drop_table("grants")
    op.drop_table("api_keys")
    op.drop_table("ws_tickets")
    op.drop_table("sign_in_tries")
    op.drop_table("people")
    op.drop_table("orgs")
    op.drop_table("audit_heads")
    op.drop_table("audit_entries")
    op.drop_table("org_sequences")
    op.drop_table("events")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_entries_guard()")
        op.execute("DROP FUNCTION events_guard()")


def create_events() -> None:
    op.create_table(
        "events",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("actor_kind", sa.String(length=10), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "seq", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_org_id_scope_kind_seq", "events", ["org_id", "scope", "kind", "seq"])
    op.create_index("ix_events_org_id_scope_seq", "events", ["org_id", "scope", "seq"])
    op.create_table(
        "org_sequences",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="pk_org_sequences"),
    )
    _run(EVENTS_GUARDS)


def create_audit() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", MICROS, nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("actor_kind", sa.String(length=10), nullable=False),
        sa.Column("actor_id", sa.String(length=80), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("target_kind", sa.String(length=40), nullable=True),
        sa.Column("target_id", sa.String(length=80), nullable=True),
        sa.Column("target_name", sa.String(length=400), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "seq", name="pk_audit_entries"),
        sa.UniqueConstraint("id", name="uq_audit_entries_id"),
    )
    op.create_index("ix_audit_entries_at", "audit_entries", ["at"])
    op.create_index("ix_audit_entries_org_id_action_seq", "audit_entries", ["org_id", "action", "seq"])
    op.create_index("ix_audit_entries_org_id_actor_id_seq", "audit_entries", ["org_id", "actor_id", "seq"])
    op.create_index("ix_audit_entries_org_id_at", "audit_entries", ["org_id", "at"])
    op.create_table(
        "audit_heads",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("floor_hash", sa.String(length=64), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="pk_audit_heads"),
    )
    _run(AUDIT_GUARDS)


def create_tenancy() -> None:
    op.create_table(
        "orgs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("deleted_at", MICROS, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_orgs"),
        sa.UniqueConstraint("slug", name="uq_orgs_slug"),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_superadmin", sa.Boolean(), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("email", name="uq_people_email"),
    )
    op.create_table(
        "sign_in_tries",
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("tried_at_us", JSON, nullable=False),
        sa.Column("last_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_sign_in_tries"),
    )
    op.create_index("ix_sign_in_tries_last_at", "sign_in_tries", ["last_at"])
    op.create_table(
        "ws_tickets",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=63), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=True),
        sa.Column("person_id", sa.String(length=40), nullable=True),
        sa.Column("sign_in_id", sa.String(length=40), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("expires_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_ws_tickets"),
    )
    op.create_index("ix_ws_tickets_expires_at", "ws_tickets", ["expires_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.String(length=11), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("previous_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("previous_valid_until", MICROS, nullable=True),
        sa.Column("permissions", JSON, nullable=False),
        sa.Column("services", JSON, nullable=True),
        sa.Column("rate_limit_per_minute", sa.Integer(), nullable=True),
        sa.Column("maker_id", sa.String(length=40), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("expires_at", MICROS, nullable=True),
        sa.Column("revoked_at", MICROS, nullable=True),
        sa.Column("last_used_at", MICROS, nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_api_keys_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
        info={"keeps_scope": "keys", "keeps_scope_while_null": "revoked_at"},
    )
    op.create_index("ix_api_keys_org_id_id", "api_keys", ["org_id", "id"])
    op.create_index("ix_api_keys_org_id_maker_id", "api_keys", ["org_id", "maker_id"])
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("principal_kind", sa.String(length=16), nullable=False),
        sa.Column("principal_id", sa.String(length=40), nullable=False),
        sa.Column("resource_kind", sa.String(length=16), nullable=False),
        sa.Column("resource_id", sa.String(length=40), nullable=False),
        sa.Column("permission", sa.String(length=63), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_grants_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
        sa.UniqueConstraint(
            "org_id",
            "principal_id",
            "resource_id",
            "permission",
            name="uq_grants_org_id_principal_id_resource_id_permission",
        ),
    )
    op.create_index("ix_grants_org_id_id", "grants", ["org_id", "id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("is_owner", sa.Boolean(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("expires_at", MICROS, nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("accepted_at", MICROS, nullable=True),
        sa.Column("revoked_at", MICROS, nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_invitations_org_id"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("token_digest", name="uq_invitations_token_digest"),
    )
    op.create_index("ix_invitations_org_id_id", "invitations", ["org_id", "id"])
    op.create_table(
        "memberships",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("is_owner", sa.Boolean(), nullable=False),
        sa.Column("scopes", JSON, nullable=True),
        sa.Column("joined_at", MICROS, nullable=False),
        sa.Column("last_seen_at", MICROS, nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_memberships_org_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_memberships_person_id"),
        sa.PrimaryKeyConstraint("org_id", "person_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_person_id", "memberships", ["person_id"])
    op.create_table(
        "scopes",
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_scopes_org_id"),
        sa.PrimaryKeyConstraint("org_id", "name", name="pk_scopes"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=True),
        sa.Column("scope", sa.String(length=63), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("expires_at", MICROS, nullable=False),
        sa.Column("tokens_until", MICROS, nullable=True),
        sa.Column("ended_at", MICROS, nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_sign_ins_org_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_sign_ins_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_ins"),
    )
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"])
    op.create_index("ix_sign_ins_person_id", "sign_ins", ["person_id"])
    op.create_index("ix_sign_ins_tokens_until", "sign_ins", ["tokens_until"])
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sign_in_id", sa.String(length=40), nullable=False),
        sa.Column("parent_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("expires_at", MICROS, nullable=False),
        sa.Column("rotated_at", MICROS, nullable=True),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_ins.id"], name="fk_refresh_tokens_sign_in_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
    )
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"])
    op.create_index("ix_refresh_tokens_parent_digest", "refresh_tokens", ["parent_digest"])
    op.create_index("ix_refresh_tokens_sign_in_id", "refresh_tokens", ["sign_in_id"])


def create_vault() -> None:
    op.create_table(
        "secrets",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secrets"),
        sa.UniqueConstraint("org_id", "name", name="uq_secrets_org_id_name"),
    )
    op.create_table(
        "secret_uses",
        sa.Column("secret_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["secret_id"], ["secrets.id"], name="fk_secret_uses_secret_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("secret_id", "user_id", name="pk_secret_uses"),
    )
    op.create_index("ix_secret_uses_user_id", "secret_uses", ["user_id"])


def create_limits() -> None:
    op.create_table(
        "budget_use",
        sa.Column("budget_id", sa.String(length=40), nullable=False),
        sa.Column("window_started_at", MICROS, nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("warned", sa.Boolean(), nullable=False),
        sa.Column("exhausted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("budget_id", "window_started_at", name="pk_budget_use"),
    )
    op.create_index("ix_budget_use_window_started_at", "budget_use", ["window_started_at"])
    op.create_table(
        "budgets",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("measure", sa.String(length=16), nullable=False),
        sa.Column("window", sa.String(length=16), nullable=False),
        sa.Column("limit_amount", sa.BigInteger(), nullable=False),
        sa.Column("warn_at_percent", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budgets"),
        sa.UniqueConstraint("org_id", "name", name="uq_budgets_org_id_name"),
    )
    op.create_table(
        "limits",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("per_s", sa.Integer(), nullable=False),
        sa.Column("burst", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_limits"),
        sa.UniqueConstraint("org_id", "name", name="uq_limits_org_id_name"),
    )


def create_hub() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("scope_key", sa.String(length=63), nullable=False),
        sa.Column("scope", sa.String(length=63), nullable=True),
        sa.Column(
            "name",
            sa.String(length=63).with_variant(sa.VARCHAR(length=63, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("layer", sa.String(length=8), nullable=True),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("capabilities", JSON, nullable=False),
        sa.Column("visibility", sa.String(length=16), nullable=False),
        sa.Column("timeout_s", sa.Float(), nullable=True),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        sa.Column("cache_ttl_s", sa.Integer(), nullable=False),
        sa.Column("price", JSON, nullable=True),
        sa.Column("models", JSON, nullable=False),
        sa.Column("max_output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("credential", JSON, nullable=True),
        sa.Column("health_path", sa.Text(), nullable=True),
        sa.Column("methods", JSON, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
        sa.UniqueConstraint("org_id", "scope_key", "name", name="uq_services_org_id_scope_key_name"),
        info={"keeps_scope": "services"},
    )
    op.create_index("ix_services_org_id_created_at_id", "services", ["org_id", "created_at", "id"])
    op.create_index("ix_services_org_id_name_id", "services", ["org_id", "name", "id"])
    op.create_table(
        "service_versions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", MICROS, nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"], ["services.id"], name="fk_service_versions_service_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_service_versions"),
        sa.UniqueConstraint("service_id", "version", name="uq_service_versions_service_id_version"),
    )
    op.create_table(
        "service_endpoints",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org_id", sa.String(length=40), nullable=False),
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("version_id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("health", sa.String(length=16), nullable=False),
        sa.Column("last_checked_at", MICROS, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("successes", sa.Integer(), nullable=False),
        sa.Column("lease_id", sa.String(length=40), nullable=True),
        sa.Column("lease_ttl_s", sa.Integer(), nullable=True),
        sa.Column("lease_expires_at", MICROS, nullable=True),
        sa.ForeignKeyConstraint(
            ["service_id"], ["services.id"], name="fk_service_endpoints_service_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["service_versions.id"], name="fk_service_endpoints_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_service_endpoints"),
        sa.UniqueConstraint("version_id", "url", name="uq_service_endpoints_version_id_url"),
    )
    op.create_index("ix_service_endpoints_last_checked_at", "service_endpoints", ["last_checked_at"])
    op.create_index("ix_service_endpoints_lease_expires_at", "service_endpoints", ["lease_expires_at"])
    op.create_index("ix_service_endpoints_service_id", "service_endpoints", ["service_id"])


def create_routing() -> None:
    op.create_table(
        "snapshot_versions",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", BIG_ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("changed_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshot_versions"),
    )


def create_usage() -> None:
    op.create_table(
        "call_totals",
        sa.Column("org_id", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("step_s", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("at", MICROS, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("principal_id", sa.String(length=64), nullable=False),
        sa.Column("service_id", sa.String(length=64), nullable=False),
        sa.Column("principal_name", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("cost_microusd", sa.BigInteger(), nullable=False),
        sa.Column("durations", sa.LargeBinary(), nullable=False),
        sa.Column("added", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "org_id", "scope", "step_s", "subject", "at", "service", "principal_id", name="pk_call_totals"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_call_totals_age", "call_totals", ["step_s", "at"])
    op.create_table(
        "calls",
        sa.Column("position", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("org_id", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("at", MICROS, nullable=False),
        sa.Column("principal_kind", sa.String(length=16), nullable=False),
        sa.Column("principal_id", sa.String(length=64), nullable=False),
        sa.Column("principal_name", sa.Text(), nullable=False),
        sa.Column("service_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("service_kind", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("endpoint", sa.Text(), nullable=True),
        sa.Column("endpoint_id", sa.String(length=64), nullable=True),
        sa.Column("canary", sa.Boolean(), nullable=False),
        sa.Column("dialect", sa.String(length=32), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("streamed", sa.Boolean(), nullable=False),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("added_us", sa.BigInteger(), nullable=False),
        sa.Column("first_byte_us", sa.BigInteger(), nullable=True),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("tokens_estimated", sa.Boolean(), nullable=False),
        sa.Column("cost_microusd", sa.BigInteger(), nullable=False),
        sa.Column("reserved_microusd", sa.BigInteger(), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sa.Column("snapshot_version", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("charges", JSON, nullable=False),
        sa.Column("stages", JSON, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_calls"),
        sa.UniqueConstraint("id", name="uq_calls_id"),
    )
    op.create_index("ix_calls_correlation", "calls", ["org_id", "scope", "correlation_id"])
    op.create_index("ix_calls_feed", "calls", ["org_id", "scope", "position"])
    op.create_index(
        "ix_calls_newest",
        "calls",
        [
            "org_id",
            "scope",
            "at",
            "id",
            "verdict",
            "status",
            "service_kind",
            "cost_microusd",
            "service",
            "principal_id",
        ],
    )
    op.create_index("ix_calls_principal", "calls", ["org_id", "scope", "principal_id", "at", "id"])
    op.create_index("ix_calls_service", "calls", ["org_id", "scope", "service", "at", "id"])
    op.create_table(
        "journal_positions",
        sa.Column("gateway_id", sa.String(length=128), nullable=False),
        sa.Column("epoch", sa.String(length=128), nullable=False),
        sa.Column("file_number", sa.Integer(), nullable=False),
        sa.Column("byte_offset", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("updated_at", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("gateway_id", "epoch", name="pk_journal_positions"),
    )
    op.create_table(
        "open_reservations",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("gateway_id", sa.String(length=128), nullable=False),
        sa.Column("epoch", sa.String(length=128), nullable=False),
        sa.Column("org_id", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("at", MICROS, nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_open_reservations"),
    )
    op.create_index("ix_open_reservations_epoch", "open_reservations", ["gateway_id", "epoch"])


def _run(guards: dict[str, tuple[str, ...]]) -> None:
    for statement in guards[op.get_bind().dialect.name]:
        op.execute(statement)
