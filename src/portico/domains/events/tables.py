"""The log and the counter each org's positions come from."""

from sqlalchemy import BigInteger, Column, Index, String, Table, event, text
from sqlalchemy.schema import DDL

from portico.platform.db import Json, UtcTime, metadata

events = Table(
    "events",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(40), nullable=False, unique=True),
    Column("kind", String(80), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("actor_kind", String(10), nullable=False),
    Column("actor_id", String(80), nullable=False),
    Column("actor_name", String(200), nullable=False),
    Column("payload", Json, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("subject", String(200), nullable=False, server_default=text("''")),
    Column("category", String(12), nullable=False, server_default=text("''")),
    Column("origin", Json, nullable=True),
    Index(None, "org_id", "scope", "seq"),
    Index(None, "org_id", "scope", "kind", "seq"),
    Index(None, "org_id", "scope", "subject", "seq"),
    Index(None, "org_id", "scope", "category", "seq"),
    Index(None, "at"),
)

# `floor` is the newest position that retention removed: whoever stands below it has to start again.
org_sequences = Table(
    "org_sequences",
    metadata,
    Column("org_id", String(40), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False, server_default="0"),
)

# The database itself refuses to rewrite history; rows go only once retention has moved the floor past them.
SQLITE_GUARDS = (
    """CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
    """CREATE TRIGGER events_no_delete BEFORE DELETE ON events
WHEN OLD.seq > (SELECT floor FROM org_sequences WHERE org_id = OLD.org_id)
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
)
POSTGRESQL_GUARDS = (
    """CREATE OR REPLACE FUNCTION events_guard() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
IF TG_OP = 'UPDATE' OR OLD.seq > (SELECT floor FROM org_sequences WHERE org_id = OLD.org_id) THEN
RAISE EXCEPTION 'events are append-only'; END IF;
RETURN OLD; END $body$""",
    """CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
FOR EACH ROW EXECUTE FUNCTION events_guard()""",
)

for _statement in SQLITE_GUARDS:
    event.listen(events, "after_create", DDL(_statement).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]
for _statement in POSTGRESQL_GUARDS:
    event.listen(events, "after_create", DDL(_statement).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]
