"""Call records, what is still reserved, how far each journal is folded, and totals by time."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from portico.platform.db import BigId, UtcTime, metadata

# An org's scope, whose calls are listed together.
call_places = Table(
    "call_places",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", String(64), nullable=False),
    Column("scope", String(64), nullable=False),
    UniqueConstraint("org_id", "scope"),
)

# Who called what. Calls hold its number: written out with each of them, these words were most of what a list reads.
call_parties = Table(
    "call_parties",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False, unique=True),  # of the values of lines.PARTIES
    Column("place", BigInteger, nullable=False),
    Column("org_id", String(64), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("principal_id", String(64), nullable=False),
    Column("principal_name", Text, nullable=False),
    Column("service_id", String(64), nullable=False),
    Column("service", Text, nullable=False),
    Column("service_kind", String(16), nullable=False),
    Column("newest", BigInteger, nullable=False),  # no call of it has a higher position
)
Index("ix_call_parties_place", call_parties.c.place, call_parties.c.service, call_parties.c.principal_id)

# Text, not String(n), wherever a client chose the content: a journal line must never be refused for its length.
# What lists filter by, sums add up and look-ups find is a column; the rest of a line is read with a call and costs one value.
calls = Table(
    "calls",
    metadata,
    Column("position", BigId, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("place", BigInteger, nullable=False),
    Column("party", BigInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("status", Integer, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("added_us", BigInteger, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("cost_microusd", BigInteger, nullable=False),
    Column("correlation_id", Text, nullable=False),  # empty when it was made from the call's own id
    Column("details", LargeBinary, nullable=False),  # lines.DETAILS, charges and stages as a JSON array
)

# Covers every column that a list filters by, so that a filter few rows pass is answered by reading the index alone.
Index(
    "ix_calls_newest",
    calls.c.place,
    calls.c.at,
    calls.c.id,
    calls.c.verdict,
    calls.c.status,
    calls.c.cost_microusd,
    calls.c.party,
)
Index("ix_calls_feed", calls.c.place, calls.c.position)
# Those that a client brought. Written out, not bound: a query that says the same finds that the index answers it.
BROUGHT_CORRELATION = calls.c.correlation_id != literal_column("''")
Index(
    "ix_calls_correlation",
    calls.c.place,
    calls.c.correlation_id,
    sqlite_where=BROUGHT_CORRELATION,
    postgresql_where=BROUGHT_CORRELATION,
)

# The calls whose client brought a trace; every other call's trace is named by its own id.
call_traces = Table(
    "call_traces",
    metadata,
    Column("org_id", String(64), primary_key=True),
    Column("scope", String(64), primary_key=True),
    Column("trace_id", String(32), primary_key=True),
    Column("call_id", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Index("ix_call_traces_age", "at"),
    sqlite_with_rowid=False,
)

open_reservations = Table(
    "open_reservations",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("gateway_id", String(128), nullable=False),
    Column("epoch", String(128), nullable=False),
    Column("org_id", String(64), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("line", LargeBinary, nullable=False),  # as it stands in the journal
    Index("ix_open_reservations_epoch", "gateway_id", "epoch"),
)

journal_positions = Table(
    "journal_positions",
    metadata,
    Column("gateway_id", String(128), primary_key=True),
    Column("epoch", String(128), primary_key=True),
    Column("file_number", Integer, nullable=False),
    Column("byte_offset", BigInteger, nullable=False),
    # A closed epoch keeps its row after its files are gone, so that no stale listing can fold it a second time.
    Column("closed", Boolean, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

# One row per step of time and subject; `subject` is all, service, principal or pair, columns that do not apply are "".
call_totals = Table(
    "call_totals",
    metadata,
    Column("org_id", String(64), primary_key=True),
    Column("scope", String(64), primary_key=True),
    Column("step_s", Integer, primary_key=True),
    Column("subject", String(16), primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("principal_id", String(64), primary_key=True),
    Column("service_id", String(64), nullable=False),
    Column("principal_name", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("cost_microusd", BigInteger, nullable=False),
    Column("durations", LargeBinary, nullable=False),
    Column("added", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_call_totals_age", call_totals.c.step_s, call_totals.c.at)
