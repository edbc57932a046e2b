from typing import Annotated, Any, Literal

from pydantic import Field

from portico.domains.tools.local_terms import Definition, Limits, LocalServer
from portico.platform.db import from_micros
from portico.platform.web import Ask, Moment, Patch, Wire

LocalState = Literal["stopped", "starting", "running", "failed"]
ServerName = Annotated[str, Field(min_length=1, max_length=63)]
Texts = Annotated[list[Annotated[str, Field(max_length=4000)]], Field(max_length=100)]
Paths = Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=50)]
Variables = Annotated[dict[str, Annotated[str, Field(max_length=8192)]], Field(max_length=100)]


class LimitsAsk(Ask):
    memory_bytes: int = Limits().memory_bytes
    processes: int = Limits().processes
    open_files: int = Limits().open_files
    cores: int | None = None
    cpu_s: int | None = None
    message_bytes: int = Limits().message_bytes
    idle_stop_s: int = Limits().idle_stop_s
    start_timeout_s: int = Limits().start_timeout_s


class LocalServerAsk(Ask):
    """`env` values may hold `${NAME}`: a secret of the org, or a variable that the operator lets through."""

    name: ServerName
    description: Annotated[str, Field(max_length=2000)] = ""
    visibility: Literal["org", "restricted"] = "org"
    command: Annotated[str, Field(min_length=1, max_length=500)]
    args: Texts = Field(default_factory=list)
    env: Variables = Field(default_factory=dict)
    allowed_paths: Paths = Field(default_factory=list)
    program_paths: Paths = Field(default_factory=list)
    limits: LimitsAsk = Field(default_factory=LimitsAsk)
    enabled: bool = True

    def definition(self) -> Definition:
        return Definition(
            self.command,
            tuple(self.args),
            dict(self.env),
            tuple(self.allowed_paths),
            tuple(self.program_paths),
            Limits(**self.limits.model_dump()),
            self.enabled,
        )


class LocalServerPatch(Patch):
    """What is left out stays; of `limits`, too."""

    command: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    args: Texts | None = None
    env: Variables | None = None
    allowed_paths: Paths | None = None
    program_paths: Paths | None = None
    limits: dict[str, int | None] | None = None
    enabled: bool | None = None


class LimitsWire(Wire):
    memory_bytes: int
    processes: int
    open_files: int
    cores: int | None
    cpu_s: int | None
    message_bytes: int
    idle_stop_s: int
    start_timeout_s: int


class LocalServerWire(Wire):
    """`state` and what follows is of the bridge's process: a server that nobody asked for yet is stopped.

    jailed   whether the machine keeps it to its folders
    """

    id: str
    name: str
    description: str
    command: str
    args: list[str]
    env: dict[str, str]
    allowed_paths: list[str]
    program_paths: list[str]
    limits: LimitsWire
    enabled: bool
    updated_at: Moment
    updated_by: str
    state: LocalState
    since: Moment | None
    error: str | None
    restarts: int
    pid: int | None
    memory_bytes: int
    processes: int
    protocol_version: str | None
    jailed: bool | None
    endpoint_url: str


class LogLineWire(Wire):
    at: Moment
    text: str


class LocalServerLogWire(Wire):
    """The newest line last. Lines that begin with [portico] are Portico's own."""

    lines: list[LogLineWire]


class ImportAsk(Ask):
    """The text of an mcp.yaml. With `dry_run` nothing is changed; with `remove_others` servers it does not name are removed."""

    text: Annotated[str, Field(max_length=262_144)]
    dry_run: bool = True
    remove_others: bool = False


class ImportStepWire(Wire):
    name: str
    change: Literal["add", "update", "keep", "remove"]
    fields: list[str]


class ImportedWire(Wire):
    steps: list[ImportStepWire]
    applied: bool


class ExportWire(Wire):
    text: str


def server_wire(server: LocalServer, report: Any | None, base_url: str) -> LocalServerWire:
    """`report`: what the bridge tells of it, if anything."""
    definition = server.definition
    return LocalServerWire(
        id=server.service_id,
        name=server.name,
        description=server.description,
        command=definition.command,
        args=list(definition.args),
        env=dict(definition.env),
        allowed_paths=list(definition.allowed_paths),
        program_paths=list(definition.program_paths),
        limits=LimitsWire.model_validate(definition.limits),
        enabled=definition.enabled,
        updated_at=server.updated_at,
        updated_by=server.updated_by,
        state="stopped" if report is None else report.state,
        since=None if report is None else from_micros(report.since_us),
        error=None if report is None else report.error,
        restarts=0 if report is None else report.restarts,
        pid=None if report is None else report.pid,
        memory_bytes=0 if report is None else report.memory_bytes,
        processes=0 if report is None else report.processes,
        protocol_version=None if report is None else report.era,
        jailed=None if report is None else report.jailed,
        endpoint_url=f"{base_url}/mcp/{server.name}",
    )
