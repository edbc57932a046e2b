"""What a service, version, endpoint or method has to look like before it is stored. Pure; each answers with problems."""

import re
from collections.abc import Sequence
from typing import get_args
from urllib.parse import urlsplit

from portico.domains.hub.model import Credential, HttpMethod, Method, Price, Service
from portico.kernel.errors import FieldError
from portico.platform.egress import forbidden_address, metadata_host
from portico.platform.json_schema import schema_problems

LAYERS = tuple(f"L{number:02d}" for number in range(1, 13))
HTTP_METHODS: tuple[HttpMethod, ...] = get_args(HttpMethod)
MAX_WEIGHT = 10_000
MAX_METHODS = 100
MAX_MODELS = 200
MAX_VERSIONS = 20
MAX_ENDPOINTS = 50
MAX_PRICE = 10**12

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_TAG = re.compile(r"[a-z0-9][a-z0-9._:-]{0,39}")
_METHOD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_PATH_PART = re.compile(r"\{([^{}]*)\}")
# Paths of the API that a service of this name would hide, and the prefix of the built-in services.
RESERVED_NAMES = frozenset({"search"})
RESERVED_PREFIX = "portico-"
# Headers whose meaning is the connection's, not the credential's.
_FORBIDDEN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}
)


def service_problems(service: Service) -> list[FieldError]:
    return [
        *_name_problems(service.name),
        *_text_problems(service),
        *_number_problems(service),
        *_model_problems(service),
        *_tools_problems(service),
        *_price_problems(service.price),
        *_credential_problems(service.credential),
        *_health_path_problems(service.health_path),
        *_methods_problems(service.methods),
    ]


def url_problems(url: str, allowed_ranges: Sequence[str], field: str = "url") -> list[FieldError]:
    """Scheme, host and, for an address literal, whether Portico may call it; names are judged at each connection."""
    if len(url) > 2000 or any(ord(char) <= 32 or ord(char) >= 127 for char in url):
        return [FieldError(field, "must be at most 2000 characters without spaces or control characters")]
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return [FieldError(field, "is not a URL")]
    if parts.scheme not in {"http", "https"}:
        return [FieldError(field, "must begin with http:// or https://")]
    if not host:
        return [FieldError(field, "must name a host")]
    if "@" in parts.netloc:
        return [FieldError(field, "must not hold a user or password; keep them in a secret")]
    if parts.query or parts.fragment or "?" in url or "#" in url or "\\" in url:
        return [FieldError(field, "must not hold a query, a fragment or a backslash")]
    return _host_problems(host, allowed_ranges, field)


def _host_problems(host: str, allowed_ranges: Sequence[str], field: str) -> list[FieldError]:
    if metadata_host(host):
        return [FieldError(field, "is a metadata address, which Portico never calls")]
    if ":" not in host and not re.fullmatch(r"[0-9.]+", host):
        # Spellings such as 0x7f.1 or 2130706433 are numbers to a resolver; a name's last part is never all digits or hex.
        numeric = re.fullmatch(r"(0[xX][0-9a-fA-F]*|[0-9]+)", host.rstrip(".").rpartition(".")[2])
        return [FieldError(field, "must be a host name or a plain IP address")] if numeric else []
    reason = forbidden_address(host, allowed_ranges)
    if reason == "is not an IP address":
        return [FieldError(field, "must be a host name or a plain IP address")]
    if reason is None:
        return []
    return [FieldError(field, f"{host} {reason}; the operator can allow it in upstream.allowed_private_ranges")]


def version_problems(version: str, weight: int) -> list[FieldError]:
    problems = [] if _VERSION.fullmatch(version) else [FieldError("version", "must look like v1 or 2026-01")]
    return [*problems, *weight_problems(weight)]


def weight_problems(weight: int) -> list[FieldError]:
    return [] if 0 <= weight <= MAX_WEIGHT else [FieldError("weight", f"must be between 0 and {MAX_WEIGHT:,}")]


def _name_problems(name: str) -> list[FieldError]:
    if not _NAME.fullmatch(name):
        return [FieldError("name", "must be 1 to 63 lower-case letters, digits or '-', not starting with '-'")]
    if name in RESERVED_NAMES or name.startswith(RESERVED_PREFIX):
        return [FieldError("name", "is reserved")]
    return []


def _text_problems(service: Service) -> list[FieldError]:
    problems = []
    if len(service.description) > 2000:
        problems.append(FieldError("description", "must be at most 2000 characters"))
    if service.layer is not None and service.layer not in LAYERS:
        problems.append(FieldError("layer", "must be one of L01 to L12"))
    for field, words in (("tags", service.tags), ("capabilities", service.capabilities)):
        if len(words) > 50 or len(set(words)) != len(words) or not all(_TAG.fullmatch(word) for word in words):
            problems.append(FieldError(field, "must be at most 50 different words of a-z, 0-9 and ._:-"))
    return problems


def _number_problems(service: Service) -> list[FieldError]:
    checks = (
        ("timeout_s", service.timeout_s, 0.1, 3600),
        ("max_retries", service.max_retries, 0, 10),
        ("cache_ttl_s", service.cache_ttl_s, 0, 86_400),
        ("max_output_tokens", service.max_output_tokens, 1, 10_000_000),
    )
    return [
        FieldError(field, f"must be between {least:g} and {most:,}")
        for field, value, least, most in checks
        if value is not None and not least <= value <= most
    ]


def _model_problems(service: Service) -> list[FieldError]:
    if service.kind != "model":
        return [FieldError("models", "are for services of kind model")] if service.models else []
    if not service.models or len(service.models) > MAX_MODELS:
        return [FieldError("models", f"must name between 1 and {MAX_MODELS} models")]
    if len(set(service.models)) != len(service.models):
        return [FieldError("models", "must be different from each other")]
    bad = [model for model in service.models if not _MODEL.fullmatch(model)]
    return [FieldError("models", f"{bad[0]!r} is not a model name")] if bad else []


def _tools_problems(service: Service) -> list[FieldError]:
    """MCP servers and agents say themselves what they offer, and what they answer is not a matter of their address."""
    if service.kind not in {"tools", "agent"}:
        return []
    problems = [FieldError("methods", "are for services of kind http")] if service.methods else []
    return problems + (
        [FieldError("cache_ttl_s", f"must be 0 for services of kind {service.kind}")] if service.cache_ttl_s else []
    )


def _price_problems(price: Price | None) -> list[FieldError]:
    if price is None:
        return []
    amounts = (price.input_microusd_per_mtok, price.output_microusd_per_mtok, price.call_microusd)
    if all(0 <= amount <= MAX_PRICE for amount in amounts):
        return []
    return [FieldError("price", f"must hold amounts between 0 and {MAX_PRICE:,} µUSD")]


def _credential_problems(credential: Credential | None) -> list[FieldError]:
    if credential is None:
        return []
    problems = []
    if not _HEADER.fullmatch(credential.header) or credential.header.lower() in _FORBIDDEN_HEADERS:
        problems.append(FieldError("credential.header", "is not a header that can carry a credential"))
    plain = credential.format.replace("{secret}", "", 1)
    if "{secret}" not in credential.format or "{" in plain or "}" in plain:
        problems.append(FieldError("credential.format", "must hold {secret} once and no other braces"))
    if len(credential.format) > 200 or not credential.format.isascii() or not credential.format.isprintable():
        problems.append(FieldError("credential.format", "must be at most 200 printable ASCII characters"))
    return problems


def _health_path_problems(path: str | None) -> list[FieldError]:
    if path is None or _is_path(path):
        return []
    return [FieldError("health_path", "must begin with / and hold no spaces, '..' or '#'")]


def _is_path(path: str) -> bool:
    plain = len(path) <= 500 and all(32 < ord(char) < 127 for char in path)
    return (
        plain
        and path.startswith("/")
        and not path.startswith("//")
        and not {"#", "\\"} & set(path)
        and ".." not in path
    )


def _methods_problems(methods: tuple[Method, ...]) -> list[FieldError]:
    if len(methods) > MAX_METHODS:
        return [FieldError("methods", f"must be at most {MAX_METHODS}")]
    if len({method.name for method in methods}) != len(methods):
        return [FieldError("methods", "must have different names")]
    return [problem for index, method in enumerate(methods) for problem in _method_problems(f"methods.{index}", method)]


def _method_problems(field: str, method: Method) -> list[FieldError]:
    problems = []
    if not _METHOD_NAME.fullmatch(method.name):
        problems.append(FieldError(f"{field}.name", "must be 1 to 63 letters, digits, '_', '.' or '-'"))
    if method.http_method not in HTTP_METHODS:
        problems.append(FieldError(f"{field}.http_method", f"must be one of {', '.join(HTTP_METHODS)}"))
    if not _is_path(method.path) or "?" in method.path:
        problems.append(FieldError(f"{field}.path", "must begin with / and hold no query, spaces or '..'"))
    if len(method.description) > 2000:
        problems.append(FieldError(f"{field}.description", "must be at most 2000 characters"))
    problems.extend(schema_problems(f"{field}.parameters", method.parameters))
    properties = method.parameters.get("properties", {})
    missing = [
        part for part in path_parameters(method.path) if not isinstance(properties, dict) or part not in properties
    ]
    if missing and not problems:
        problems.append(FieldError(f"{field}.parameters", f"must describe {missing[0]!r}, which the path uses"))
    return problems


def path_parameters(path: str) -> list[str]:
    return _PATH_PART.findall(path)
