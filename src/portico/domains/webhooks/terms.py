"""What may be asked for: addresses, filters, headers and ladders within their bounds."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from portico.domains.events import public as events
from portico.domains.webhooks.errors import NoTls, UrlRefused
from portico.domains.webhooks.model import HeaderDraft, WebhookDraft
from portico.kernel.errors import FieldError
from portico.platform.egress import METADATA_REASON, forbidden_address, metadata_host
from portico.platform.outbound import EgressRefused
from portico.platform.settings import Settings

MAX_KINDS = MAX_HEADERS = MAX_NAMED = 50
MAX_STEPS, LONGEST_STEP_S = 10, 86_400
MAX_HEADER_CHARS, MAX_ALL_HEADER_CHARS = 4_096, 16_384
MAX_URL_CHARS, MAX_HOST_CHARS = 2_000, 253

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_RESOURCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
# Hop-by-hop ones belong to the connection; the others say what we say.
_TAKEN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_TAKEN_PREFIXES = ("webhook-", "x-webhook-", "proxy-")


def check_url(url: str, settings: Settings) -> None:
    """Early, so that a mistake is told to who makes it; the addresses behind a name are judged at each send.

    raises   UrlRefused · NoTls · EgressRefused
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UrlRefused("is malformed") from error
    if len(url) > MAX_URL_CHARS or any(char.isspace() or ord(char) < 33 or ord(char) > 126 for char in url):
        raise UrlRefused(
            f"must be at most {MAX_URL_CHARS} printable ASCII characters; write an international name as xn--…"
        )
    if parts.scheme not in {"http", "https"} or not host:
        raise UrlRefused("must be a full https:// address")
    if "@" in parts.netloc or "#" in url:
        raise UrlRefused("must not hold a user name or a fragment")
    if port == 0 or not (_is_name(host) or _is_address(host)):
        raise UrlRefused("names no host and port that can be called")
    if settings.environment == "production" and parts.scheme != "https":
        raise NoTls(host)
    reason = METADATA_REASON if metadata_host(host) else forbidden_address(host, settings.private_ranges)
    if reason is not None and reason != "is not an IP address":
        raise EgressRefused(host, reason)


def _is_name(host: str) -> bool:
    """Underscores are no part of a host's name, but names inside of clusters have them."""
    labels = host.removesuffix(".").split(".")
    return len(host) <= MAX_HOST_CHARS and all(_LABEL.fullmatch(label) for label in labels)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def draft_problems(draft: WebhookDraft) -> list[FieldError]:
    return [
        *_name_problems(draft.name),
        *_kind_problems(draft.kinds),
        *_resource_problems("services", draft.services),
        *_resource_problems("templates", draft.templates),
        *_ladder_problems(draft.ladder_s),
        *_header_problems(draft.headers),
    ]


def _name_problems(name: str) -> list[FieldError]:
    if name.strip() and len(name) <= 80 and name.isprintable():
        return []
    return [FieldError("name", "must be 1 to 80 printable characters")]


def _kind_problems(kinds: Sequence[str]) -> list[FieldError]:
    if not 1 <= len(kinds) <= MAX_KINDS:
        return [FieldError("kinds", f"must be 1 to {MAX_KINDS} kinds of events; '*' stands for all of them")]
    return [
        FieldError(f"kinds[{place}]", "must be '*', a kind such as 'service.created', or a group such as 'service.*'")
        for place, kind in enumerate(kinds)
        if not events.is_pattern(kind)
    ]


def _resource_problems(field: str, named: Sequence[str]) -> list[FieldError]:
    if len(named) > MAX_NAMED:
        return [FieldError(field, f"must be at most {MAX_NAMED} ids")]
    return [
        FieldError(f"{field}[{place}]", "is not an id")
        for place, each in enumerate(named)
        if _RESOURCE.fullmatch(each) is None
    ]


def _ladder_problems(ladder_s: Sequence[int] | None) -> list[FieldError]:
    if ladder_s is None or (1 <= len(ladder_s) <= MAX_STEPS and all(1 <= step <= LONGEST_STEP_S for step in ladder_s)):
        return []
    return [FieldError("ladder_s", f"must be 1 to {MAX_STEPS} steps of 1 to {LONGEST_STEP_S} seconds")]


def _header_problems(headers: Sequence[HeaderDraft]) -> list[FieldError]:
    if len(headers) > MAX_HEADERS:
        return [FieldError("headers", f"must be at most {MAX_HEADERS}")]
    names = [header.name.lower() for header in headers]
    problems = [FieldError("headers", "must not name a header twice")] if len(set(names)) < len(names) else []
    if sum(len(header.name) + len(header.value or "") for header in headers) > MAX_ALL_HEADER_CHARS:
        problems.append(FieldError("headers", f"must be at most {MAX_ALL_HEADER_CHARS} characters in all"))
    for place, header in enumerate(headers):
        problems += _one_header_problems(f"headers[{place}]", header)
    return problems


def _one_header_problems(field: str, header: HeaderDraft) -> list[FieldError]:
    name = header.name.lower()
    if _HEADER_NAME.fullmatch(header.name) is None:
        return [FieldError(f"{field}.name", "is not a header's name")]
    if name in _TAKEN_HEADERS or name.startswith(_TAKEN_PREFIXES):
        return [FieldError(f"{field}.name", f"{header.name} is set by Portico or belongs to the connection")]
    value = header.value
    if value is not None and (
        len(value) > MAX_HEADER_CHARS or any(ord(char) < 32 or ord(char) > 126 for char in value)
    ):
        return [FieldError(f"{field}.value", f"must be at most {MAX_HEADER_CHARS} printable ASCII characters")]
    return []
