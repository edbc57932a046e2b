"""Whether and where traces are exported: settings that Portico and the agents' own code share, by the names agents know."""

from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from portico.platform.sections import setting

TRACES_PATH = "/v1/traces"
INSTALL = "pip install opentelemetry-exporter-otlp-proto-http (or portico[otel])"


@dataclass(frozen=True)
class OtelSettings:
    enabled: bool = setting(False, "Export a span of every call over OTLP; needs portico[otel].")
    sampling_rate: float = setting(
        1.0,
        "Share of the traces that are exported, 0 to 1; decided by the trace's id, so that all hops agree.",
        least=0,
    )
    exporter_endpoint: str = setting("localhost:4318", "Where spans go, over OTLP/HTTP: host:port or an address.")
    exporter_insecure: bool = setting(False, "Export over plain HTTP; refused in production.")
    service_name: str = setting("agentos", "The service that traces show.")

    @property
    def traces_url(self) -> str:
        """The address with what was left out of it."""
        given = self.exporter_endpoint.rstrip("/")
        if "://" not in given:
            given = f"{'http' if self.exporter_insecure else 'https'}://{given}"
        return given if given.endswith(TRACES_PATH) else given + TRACES_PATH

    @property
    def sampling_bound(self) -> int:
        """Traces whose last 64 bits are a number below it are exported, as OpenTelemetry's own sampler by ratio does."""
        return round(self.sampling_rate * 2**64)

    def problems(self, *, production: bool) -> list[str]:
        """What stands in the way of a start, each with its name and what to do."""
        found = []
        if self.sampling_rate > 1:
            found.append(f"otel.sampling_rate (OTEL_SAMPLING_RATE): {self.sampling_rate:g} must lie between 0 and 1")
        if not self.enabled:
            return found
        found += self._wrong_with_endpoint()
        if production and self.exporter_insecure:
            found.append(
                "otel.exporter_insecure (OTEL_EXPORTER_INSECURE): must be false in production; give the collector TLS"
            )
        if not exporter_is_installed():
            found.append(f"otel.enabled (OTEL_ENABLED): the exporter is not installed; install it: {INSTALL}")
        return found

    def _wrong_with_endpoint(self) -> list[str]:
        name = "otel.exporter_endpoint (OTEL_EXPORTER_ENDPOINT)"
        try:
            parts = urlsplit(self.traces_url)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            return [f"{name}: must be host:port, or an http:// or https:// address"]
        if parts.username is not None or parts.query:
            # Shown with the settings, so it may hold no credential.
            return [f"{name}: may hold no credential; put headers into OTEL_EXPORTER_OTLP_HEADERS"]
        if parts.scheme == "http" and not self.exporter_insecure:
            return [f"{name}: is plain HTTP; use https://, or set OTEL_EXPORTER_INSECURE=true outside production"]
        return []


def exporter_is_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
