"""The entries and, per chain, the head that the next entry hangs on."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, event
from sqlalchemy.schema import DDL

from portico.platform.db import UtcTime, metadata

# `detail` is text, not JSON: what was hashed must come back byte for byte.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(40), nullable=False, unique=True),
    Column("at", UtcTime, nullable=False),
    Column("scope", String(64), nullable=False),
    Column("actor_kind", String(10), nullable=False),
    Column("actor_id", String(80), nullable=False),
    Column("actor_name", String(200), nullable=False),
    Column("address", String(64)),
    Column("action", String(80), nullable=False),
    Column("target_kind", String(40)),
    Column("target_id", String(80)),
    Column("target_name", String(400)),
    Column("outcome", String(10), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("detail", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "org_id", "at"),
    Index(None, "org_id", "actor_id", "seq"),
    Index(None, "org_id", "action", "seq"),
    Index(None, "at"),
)

# `floor` is the newest entry that retention removed and `floor_hash` its hash: verification starts from there.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("floor", BigInteger, nullable=False, server_default="0"),
    Column("floor_hash", String(64), nullable=False),
    Column("seal", String(64), nullable=False),
)

# The database itself refuses to rewrite history; rows go only once retention has moved the floor past them.
SQLITE_GUARDS = (
    """CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries
WHEN OLD.seq > (SELECT floor FROM audit_heads WHERE org_id = OLD.org_id)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
)
POSTGRESQL_GUARDS = (
    """CREATE OR REPLACE FUNCTION audit_entries_guard() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
IF TG_OP = 'UPDATE' OR OLD.seq > (SELECT floor FROM audit_heads WHERE org_id = OLD.org_id) THEN
RAISE EXCEPTION 'the audit trail is append-only'; END IF;
RETURN OLD; END $body$""",
    """CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
FOR EACH ROW EXECUTE FUNCTION audit_entries_guard()""",
)

for _statement in SQLITE_GUARDS:
    event.listen(audit_entries, "after_create", DDL(_statement).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]
for _statement in POSTGRESQL_GUARDS:
    event.listen(audit_entries, "after_create", DDL(_statement).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]
