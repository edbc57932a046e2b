"""How the export of traces is set, and what is refused at the start."""

import subprocess
import sys

import pytest

from portico.platform.settings import SettingsInvalid, load_otel, load_settings

PRODUCTION = {
    "PORTICO_ENV": "production",
    "PORTICO_MASTER_KEY": "x" * 44,
    "PORTICO_METRICS_KEY": "m" * 40,
    "PORTICO_SECURITY_SECURE_COOKIES": "true",
    "PORTICO_SERVER_PUBLIC_URL": "https://portico.example",
}
ENABLED = {"OTEL_ENABLED": "true"}
INSECURE = ENABLED | {"OTEL_EXPORTER_INSECURE": "true"}


@pytest.mark.req("HY17")
def test_traces_are_off_unless_asked_for_and_shown_as_agentos() -> None:
    otel = load_settings({}).settings.otel
    assert (otel.enabled, otel.sampling_rate, otel.exporter_insecure, otel.service_name) == (
        False,
        1.0,
        False,
        "agentos",
    )


@pytest.mark.req("HY17")
@pytest.mark.parametrize(
    ("given", "insecure", "meant"),
    [
        ("collector:4318", "false", "https://collector:4318/v1/traces"),
        ("collector:4318", "true", "http://collector:4318/v1/traces"),
        ("https://collector/otlp/", "true", "https://collector/otlp/v1/traces"),
        ("http://[::1]:4318/v1/traces", "true", "http://[::1]:4318/v1/traces"),
    ],
)
def test_the_address_is_completed(given: str, insecure: str, meant: str) -> None:
    environ = ENABLED | {"OTEL_EXPORTER_ENDPOINT": given, "OTEL_EXPORTER_INSECURE": insecure}
    assert load_settings(environ).settings.otel.traces_url == meant
    assert load_otel(environ).traces_url == meant


@pytest.mark.req("HY17", "HY15")
def test_an_insecure_export_refuses_to_start_in_production() -> None:
    assert load_settings(PRODUCTION | ENABLED).settings.otel.enabled
    with pytest.raises(SettingsInvalid, match="OTEL_EXPORTER_INSECURE"):
        load_settings(PRODUCTION | INSECURE)
    with pytest.raises(SettingsInvalid, match="OTEL_EXPORTER_INSECURE"):
        load_otel({"PORTICO_ENV": "production", **INSECURE})


@pytest.mark.req("HY17")
@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"OTEL_SAMPLING_RATE": "1.5"}, "OTEL_SAMPLING_RATE"),
        ({"OTEL_SAMPLING_RATE": "-0.1"}, "otel.sampling_rate"),
        ({"OTEL_SAMPLING_RATE": "most"}, "OTEL_SAMPLING_RATE"),
        (ENABLED | {"OTEL_EXPORTER_ENDPOINT": "http://collector:4318"}, "plain HTTP"),
        (INSECURE | {"OTEL_EXPORTER_ENDPOINT": "grpc://collector:4317"}, "must be host:port"),
        (INSECURE | {"OTEL_EXPORTER_ENDPOINT": "http://:4318"}, "must be host:port"),
        (INSECURE | {"OTEL_EXPORTER_ENDPOINT": "http://collector:port"}, "must be host:port"),
    ],
)
def test_what_makes_no_sense_is_refused(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsInvalid, match=problem):
        load_settings(environ)


def test_a_credential_in_the_address_is_refused_without_showing_it() -> None:
    with pytest.raises(SettingsInvalid, match="OTEL_EXPORTER_OTLP_HEADERS") as refused:
        load_settings(ENABLED | {"OTEL_EXPORTER_ENDPOINT": "https://me:hush-hush@collector"})
    assert "hush-hush" not in str(refused.value)


@pytest.mark.req("HY17")
def test_without_the_exporter_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    monkeypatch.delitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", raising=False)
    monkeypatch.delitem(sys.modules, "opentelemetry.exporter.otlp.proto", raising=False)
    monkeypatch.delitem(sys.modules, "opentelemetry.exporter.otlp", raising=False)
    with pytest.raises(SettingsInvalid, match="pip install"):
        load_settings(ENABLED)


def test_what_is_off_is_not_loaded() -> None:
    asked = "import sys, portico.control; print([m for m in sys.modules if m.startswith('opentelemetry.sdk')])"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "[]"
