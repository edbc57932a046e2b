from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from portico.platform.db import Json, UtcTime, metadata

orgs = Table(
    "orgs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    # A deleted org keeps its slug, so that an old link never leads to someone else.
    Column("slug", String(63), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("deleted_at", UtcTime),
)

scopes = Table(
    "scopes",
    metadata,
    Column("org_id", String(40), ForeignKey("orgs.id"), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("description", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("is_superadmin", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("org_id", String(40), ForeignKey("orgs.id"), primary_key=True),
    Column("person_id", String(40), ForeignKey("people.id"), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("is_owner", Boolean, nullable=False),
    Column("scopes", Json),
    Column("joined_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime),
    Index(None, "person_id"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), ForeignKey("orgs.id"), nullable=False),
    Column("email", String(254), nullable=False),
    Column("role", String(16), nullable=False),
    Column("is_owner", Boolean, nullable=False),
    Column("token_digest", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("invited_by", Text, nullable=False),
    Column("accepted_at", UtcTime),
    Column("revoked_at", UtcTime),
    Index(None, "org_id", "id"),
)

grants = Table(
    "grants",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), ForeignKey("orgs.id"), nullable=False),
    Column("principal_kind", String(16), nullable=False),
    Column("principal_id", String(40), nullable=False),
    Column("resource_kind", String(16), nullable=False),
    Column("resource_id", String(40), nullable=False),
    Column("permission", String(63), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("org_id", "principal_id", "resource_id", "permission"),
    Index(None, "org_id", "id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("org_id", String(40), ForeignKey("orgs.id"), nullable=False),
    Column("scope", String(63), nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", String(11), nullable=False, unique=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("previous_digest", LargeBinary(32)),
    Column("previous_valid_until", UtcTime),
    Column("permissions", Json, nullable=False),
    Column("services", Json),
    Column("rate_limit_per_minute", Integer),
    Column("maker_id", String(40), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("made_with", String(40)),
    Index(None, "org_id", "id"),
    Index(None, "org_id", "maker_id"),
    # A table that says so keeps a scope it names from being deleted.
    info={"keeps_scope": "keys", "keeps_scope_while_null": "revoked_at"},
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("person_id", String(40), ForeignKey("people.id"), nullable=False),
    # Where it stands now; null is a superadmin who belongs to no org.
    Column("org_id", String(40), ForeignKey("orgs.id")),
    Column("scope", String(63), nullable=False),
    Column("address", String(64)),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    # Until when an access token of this sign-in can be around; the gateway must know of an early end until then.
    Column("tokens_until", UtcTime),
    Column("ended_at", UtcTime),
    Column("end_reason", String(32)),
    Index(None, "person_id"),
    Index(None, "tokens_until"),
    Index(None, "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("sign_in_id", String(40), ForeignKey("sign_ins.id", ondelete="CASCADE"), nullable=False),
    Column("parent_digest", LargeBinary(32)),
    Column("expires_at", UtcTime, nullable=False),
    Column("rotated_at", UtcTime),
    # Its sibling was used in its place; no grace for this one.
    Column("spent", Boolean, nullable=False),
    Index(None, "sign_in_id"),
    Index(None, "parent_digest"),
    Index(None, "expires_at"),
)

sign_in_tries = Table(
    "sign_in_tries",
    metadata,
    Column("subject", LargeBinary(32), primary_key=True),
    Column("tried_at_us", Json, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Index(None, "last_at"),
)

ws_tickets = Table(
    "ws_tickets",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("org_id", String(40), nullable=False),
    Column("scope", String(63), nullable=False),
    Column("key_id", String(40)),
    Column("person_id", String(40)),
    Column("sign_in_id", String(40)),
    Column("address", String(64)),
    Column("expires_at", UtcTime, nullable=False),
    Index(None, "expires_at"),
)
