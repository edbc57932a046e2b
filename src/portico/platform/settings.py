"""Settings: defaults < portico.toml < environment, typed, checked whole, handed down in slices.

The only file that reads the process environment. A secret is given by reference (`env:NAME` or `file:PATH`) in the file, or
directly as PORTICO_<SECTION>_<NAME> in the environment, and lives on as Sealed, whose repr shows nothing.
"""

import hashlib
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from portico.platform.otel import OtelSettings
from portico.platform.sections import (
    CacheSettings,
    DatabaseSettings,
    GatewaySettings,
    LogSettings,
    MetricsSettings,
    RealtimeSettings,
    RecordSettings,
    RedisSettings,
    Sealed,
    SecuritySettings,
    ServerSettings,
    ToolsSettings,
    UpstreamSettings,
    setting,
)

Environment = Literal["development", "production"]
LONGEST_RUN_DIR = 88
Tree = TypeVar("Tree")
# The exit code of a start that failed for a reason that trying again will not mend (EX_CONFIG of sysexits.h).
EXIT_CONFIG = 78
Source = Literal["default", "file", "environment"]


@dataclass(frozen=True)
class Settings:
    """The whole tree; `environment` and `data_dir` come from PORTICO_ENV and PORTICO_DATA_DIR."""

    environment: Environment = setting("development", "production refuses insecure values.")
    data_dir: Path = setting(Path(".portico"), "Folder for the database, the journal and keys.")
    server: ServerSettings = field(default_factory=ServerSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    redis: RedisSettings = field(default_factory=RedisSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    security: SecuritySettings = field(default_factory=SecuritySettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    upstream: UpstreamSettings = field(default_factory=UpstreamSettings)
    tools: ToolsSettings = field(default_factory=ToolsSettings)
    realtime: RealtimeSettings = field(default_factory=RealtimeSettings)
    record: RecordSettings = field(default_factory=RecordSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    log: LogSettings = field(default_factory=LogSettings)
    otel: OtelSettings = field(default_factory=OtelSettings)

    @property
    def run_dir(self) -> Path:
        """Folder of the local sockets between our own processes.

        A socket's path may have about 100 bytes; a data folder deeper than that gets a folder of its own elsewhere.
        """
        folder = self.data_dir.absolute() / "run"
        if len(os.fsencode(folder)) <= LONGEST_RUN_DIR:
            return folder
        mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"portico-{os.getuid()}-{mark}"

    @property
    def runs_local_servers(self) -> bool:
        """Running programs that tenants name is the operator's decision."""
        return self._decided(self.tools.local_servers)

    @property
    def runs_unconfined(self) -> bool:
        return self._decided(self.tools.unconfined)

    def _decided(self, value: str) -> bool:
        return value == "on" or (value == "auto" and self.environment == "development")

    @property
    def private_ranges(self) -> tuple[str, ...]:
        loopback = ("127.0.0.0/8", "::1/128") if self.environment == "development" else ()
        return (*loopback, *self.upstream.allowed_private_ranges)

    @property
    def base_url(self) -> str:
        return self.server.public_url.rstrip("/") or f"http://{self.server.host}:{self.server.port}"


@dataclass(frozen=True)
class Effective:
    """One setting as it stands, for `portico config show` and the Settings page; a secret shows only whether it is set."""

    name: str
    value: Any
    source: Source
    secret: bool
    reloadable: bool
    description: str


@dataclass(frozen=True)
class Loaded:
    settings: Settings
    effective: list[Effective]


class SettingsInvalid(Exception):
    """All that is wrong with the settings, each with its name and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# Historic names that do not follow PORTICO_<SECTION>_<NAME>.
_SHORT_NAMES = {
    "environment": "PORTICO_ENV",
    "data_dir": "PORTICO_DATA_DIR",
    "server.port": "PORTICO_PORT",
    "server.host": "PORTICO_HOST",
    "tools.mcp_file": "PORTICO_MCP_FILE",
    "metrics.key": "PORTICO_METRICS_KEY",
    "metrics.previous_key": "PORTICO_METRICS_PREVIOUS_KEY",
    "security.master_key": "PORTICO_MASTER_KEY",
    # Shared with agents' own code, by the names that they go by there.
    "otel.enabled": "OTEL_ENABLED",
    "otel.sampling_rate": "OTEL_SAMPLING_RATE",
    "otel.exporter_endpoint": "OTEL_EXPORTER_ENDPOINT",
    "otel.exporter_insecure": "OTEL_EXPORTER_INSECURE",
    "otel.service_name": "OTEL_SERVICE_NAME",
}


def env_name(name: str) -> str:
    return _SHORT_NAMES.get(name, "PORTICO_" + name.replace(".", "_").upper())


def outside_variable(name: str) -> str | None:
    """A variable of the process environment that the operator lets local tool servers have (`tools.environment`)."""
    return os.environ.get(name)


# Variables that steer programs around the settings tree rather than the tree itself.
_OTHER_VARIABLES = frozenset(
    {
        "PORTICO_CONFIG",
        "PORTICO_URL",
        "PORTICO_KEY",
        "PORTICO_PROFILE",
        "PORTICO_PASSWORD",
        "PORTICO_ORG",
        "PORTICO_TEST_POSTGRES",
    }
)


def load_settings(environ: Mapping[str, str] | None = None, config_file: Path | None = None) -> Loaded:
    """Read, check and build the settings; raises SettingsInvalid listing every problem at once."""
    environ = os.environ if environ is None else environ
    path = config_file or Path(environ.get("PORTICO_CONFIG", "portico.toml"))
    problems: list[str] = []
    from_file = _read_file(path, explicit="PORTICO_CONFIG" in environ or config_file is not None, problems=problems)
    loader = _Loader(environ, from_file, problems)
    settings = loader.build(Settings, "")
    loader.refuse_unknown()
    if not problems:
        problems.extend(_insecure(settings))
    if problems:
        raise SettingsInvalid(problems)
    return Loaded(settings, loader.effective)


def _read_file(path: Path, *, explicit: bool, problems: list[str]) -> dict[str, Any]:
    if not path.exists():
        if explicit:
            problems.append(f"{path}: the configuration file does not exist; create it or unset PORTICO_CONFIG")
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path}: is not valid TOML ({error}); correct the line")
        return {}


def load_otel(environ: Mapping[str, str] | None = None) -> OtelSettings:
    """The settings of traces alone, for programs that are not Portico; raises SettingsInvalid."""
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    loaded: OtelSettings = _Loader(environ, {}, problems).build(OtelSettings, "otel.")
    if not problems:
        problems += loaded.problems(production=environ.get("PORTICO_ENV") == "production")
    if problems:
        raise SettingsInvalid(problems)
    return loaded


class _Loader:
    def __init__(self, environ: Mapping[str, str], from_file: dict[str, Any], problems: list[str]) -> None:
        self.environ, self.problems = environ, problems
        self.file = dict(_flatten(from_file))
        self.effective: list[Effective] = []
        self.known: set[str] = set()

    def build(self, kind: type[Any], prefix: str) -> Any:
        hints = get_type_hints(kind)
        values = {}
        for each in fields(kind):
            name = prefix + each.name
            values[each.name] = (
                self.build(hints[each.name], name + ".")
                if is_dataclass(hints[each.name])
                else self._one(name, hints[each.name], each)
            )
        return kind(**values)

    def _one(self, name: str, kind: Any, spec: Field[Any]) -> Any:
        self.known.add(name)
        default = _default_of(spec)
        source: Source = "default"
        value = default
        if env_name(name) in self.environ:
            source, value = "environment", self._parse(name, kind, self.environ[env_name(name)], default)
        elif name in self.file:
            source, value = "file", self._parse(name, kind, self.file[name], default)
        least = spec.metadata.get("least")
        if least is not None and value < least:
            self.problems.append(f"{name}: {value} is too small; the least is {least:g}")
        secret = kind is Sealed
        shown = ("set" if value else "not set") if secret else str(value) if isinstance(value, Path) else value
        self.effective.append(
            Effective(name, shown, source, secret, spec.metadata["reloadable"], spec.metadata["description"])
        )
        return value

    def _parse(self, name: str, kind: Any, raw: Any, default: Any) -> Any:
        try:
            if kind is Sealed:
                return self._secret(raw, from_environment=env_name(name) in self.environ)
            return _convert(kind, raw)
        except (ValueError, OSError) as error:
            shown = "" if kind is Sealed else f" {raw!r}"
            self.problems.append(f"{name} ({env_name(name)}):{shown} {error}")
            return default

    def _secret(self, raw: Any, *, from_environment: bool) -> Sealed:
        """`env:NAME`, `file:PATH`, or, from the environment only, the value itself."""
        text = str(raw)
        if text.startswith("env:"):
            if text[4:] not in self.environ:
                raise ValueError(f"refers to the variable {text[4:]}, which is not set; set it")
            return Sealed(self.environ[text[4:]])
        if text.startswith("file:"):
            return Sealed(Path(text[5:]).read_text().strip())
        if not from_environment and text:
            raise ValueError("a secret may not stand in the file; write env:NAME or file:PATH")
        return Sealed(text)

    def refuse_unknown(self) -> None:
        for name in sorted(set(self.file) - self.known):
            self.problems.append(f"{name}: is not a setting; see portico config show for the names")
        names = {env_name(name) for name in self.known} | _OTHER_VARIABLES
        for variable in sorted(set(self.environ) - names):
            if variable.startswith("PORTICO_"):
                self.problems.append(f"{variable}: is not a setting; see portico config show for the names")


def _default_of(spec: Field[Any]) -> Any:
    return spec.default if spec.default_factory is MISSING else spec.default_factory()


def _flatten(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in tree.items():
        flat.extend(_flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)])
    return flat


def _convert(kind: Any, raw: Any) -> Any:
    if get_origin(kind) is Literal:
        if raw not in get_args(kind):
            raise ValueError(f"must be one of {', '.join(get_args(kind))}")
        return raw
    if get_origin(kind) is list:
        return (
            [part.strip() for part in raw.split(",") if part.strip()]
            if isinstance(raw, str)
            else [str(part) for part in raw]
        )
    if kind is bool:
        if str(raw).lower() not in {"true", "false", "1", "0"}:
            raise ValueError("must be true or false")
        return str(raw).lower() in {"true", "1"}
    if kind in {int, float}:
        try:
            number = kind(raw)
        except (ValueError, TypeError):
            raise ValueError("must be a number") from None
        if number != number:
            raise ValueError("must be a number")
        return number
    return kind(raw)


def _insecure(settings: Settings) -> list[str]:
    """What production refuses; development allows it so that the first minute needs no key."""
    problems = [
        f"upstream.allowed_private_ranges: {text!r} is not a CIDR range"
        for text in settings.upstream.allowed_private_ranges
        if not _is_network(text)
    ]
    problems += [
        f"server.trusted_proxies: {text!r} is not a CIDR range"
        for text in settings.server.trusted_proxies
        if not _is_network(text)
    ]
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", settings.gateway.id) is None:
        problems.append("gateway.id: must be 1 to 40 small letters, digits and hyphens, and begin with no hyphen")
    problems += settings.otel.problems(production=settings.environment == "production")
    if settings.redis.url and not settings.redis.url.reveal().startswith(("redis://", "rediss://", "unix://")):
        problems.append("redis.url (PORTICO_REDIS_URL): must begin with redis://, rediss:// (TLS) or unix://")
    if settings.environment != "production":
        return problems
    if not settings.security.master_key:
        problems.append(
            "security.master_key (PORTICO_MASTER_KEY): must be set in production; make one with `openssl rand -base64 32`"
        )
    if not settings.metrics.key:
        problems.append(
            "metrics.key (PORTICO_METRICS_KEY): must be set in production; make one with `openssl rand -base64 32`"
        )
    elif len(settings.metrics.key.reveal()) < 32:
        problems.append(
            "metrics.key (PORTICO_METRICS_KEY): is shorter than 32 characters; make one with `openssl rand -base64 32`"
        )
    if not settings.security.secure_cookies:
        problems.append("security.secure_cookies: must be true in production, behind HTTPS")
    if not settings.server.public_url.startswith("https://"):
        problems.append("server.public_url: must be the https:// address people use, in production")
    problems += [
        f"server.allowed_origins: {origin!r} is not allowed in production; name exact https origins"
        for origin in settings.server.allowed_origins
        if not origin.startswith("https://")
    ]
    return problems


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def with_reloadable(running: Tree, loaded: Tree) -> Tree:
    """The running settings with the reloadable values of the newly loaded ones."""
    changed = {}
    for each in fields(running):  # type: ignore[arg-type]
        old, new = getattr(running, each.name), getattr(loaded, each.name)
        if is_dataclass(old):
            changed[each.name] = with_reloadable(old, new)
        elif each.metadata.get("reloadable"):
            changed[each.name] = new
    return replace(running, **changed)  # type: ignore[type-var]
