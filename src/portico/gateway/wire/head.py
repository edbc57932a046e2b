"""Message heads: what is refused as ambiguous, what may travel on, and how heads are written."""

import re
from http import HTTPStatus
from typing import Final

METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"})

# RFC 9110 7.6.1: these concern one connection only. Keep-Alive and Proxy-* are the historic ones still seen in the wild.
HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def in_every_spelling(names: frozenset[bytes]) -> frozenset[bytes]:
    """Each name with every mix of - and _: CGI-like servers read both as the same header, so both are stopped."""
    return frozenset(b"".join(parts) for name in names for parts in _spellings(name))


def _spellings(name: bytes) -> list[list[bytes]]:
    first, *rest = name.split(b"-")
    spellings = [[first]]
    for word in rest:
        spellings = [[*each, mark, word] for each in spellings for mark in (b"-", b"_")]
    return spellings


# What we say ourselves on the way to the service; a client's word for these is not passed on.
SAID_BY_US_UPSTREAM: Final = in_every_spelling(
    frozenset(
        {b"host", b"authorization", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"}
        | {b"x-request-id", b"traceparent", b"expect", b"content-length", b"x-real-ip", b"x-portico-address"}
        | {b"transfer-encoding"}
    )
)
# A trailer may not change how its message was framed, routed or authenticated (RFC 9110 6.5.1).
FORBIDDEN_TRAILERS: Final = (
    HOP_BY_HOP
    | SAID_BY_US_UPSTREAM
    | {b"content-encoding", b"content-type", b"content-range", b"set-cookie", b"cookie", b"x-api-key", b"api-key"}
)


def all_of(pattern: bytes) -> bytes:
    """Every byte that is one of these: what is left after deleting them is found faster than by matching."""
    return bytes(each for each in range(256) if re.fullmatch(pattern, bytes([each])))


Header = tuple[bytes, bytes]
_REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_STATUS_LINES: Final = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, _REASONS.get(status, b"Status")) for status in range(100, 600)
}


class Head:
    """A request's head as parsed; `headers` keeps the client's order and case."""

    __slots__ = (
        "chunked",
        "content_length",
        "expects_continue",
        "headers",
        "http10",
        "keep_alive",
        "lowered",
        "method",
        "path",
        "query",
        "target",
        "upgrade",
    )

    def __init__(self, method: bytes, target: bytes, headers: list[Header], *, http10: bool, keep_alive: bool) -> None:
        self.method, self.target, self.headers = method, target, headers
        self.http10, self.keep_alive = http10, keep_alive
        self.path, _, self.query = target.partition(b"?")
        self.lowered: dict[bytes, bytes] = {}
        self.content_length = 0
        self.chunked = False
        self.expects_continue = False
        self.upgrade = False

    def get(self, name: bytes) -> bytes | None:
        """The value of a header by lower-case name; of repeated ones, the last."""
        return self.lowered.get(name)

    @property
    def has_body(self) -> bool:
        return self.chunked or self.content_length > 0


def examine(head: Head, *, wants_upgrade: bool) -> tuple[str, str] | None:
    """Fill in the framing facts; answers (registry code, message) when the head is ambiguous or unacceptable.

    llhttp has already refused what no parser accepts; these are the cases on which parsers disagree, which is what request
    smuggling lives on.
    """
    if head.method not in METHODS:
        return "METHOD_NOT_ALLOWED", "This method is not served."
    hosts = 0
    for name, value in head.headers:
        low = name.lower()
        if low in head.lowered:
            if low in _ONCE:
                return "BAD_REQUEST", f"The header {low.decode('latin-1')} may stand once only."
            if low == b"connection":
                value = head.lowered[low] + b"," + value
        hosts += low == b"host"
        head.lowered[low] = value
    if hosts == 0 and not head.http10:
        return "BAD_REQUEST", "An HTTP/1.1 request needs a Host header."
    host = head.lowered.get(b"host", b"-")
    if not host or host.translate(None, _IN_HOSTS) or b".." in host or host == b".":
        return "BAD_REQUEST", "The Host header is not a host name."
    return _examine_target(head) or _examine_framing(head, wants_upgrade=wants_upgrade)


def _examine_target(head: Head) -> tuple[str, str] | None:
    if not head.target.startswith(b"/"):
        return "BAD_REQUEST", "The request target must be a path."
    if head.target.translate(None, _IN_TARGETS):
        return "BAD_REQUEST", "The request target holds characters that must be percent-encoded."
    if b"%" in head.path:
        if b"%00" in head.path:
            return "NUL_BYTE", "The path holds a NUL character."
        if _BAD_ESCAPE(head.path) is not None:
            return "BAD_REQUEST", "The path holds a % that is not followed by two hexadecimal digits."
    return None


def _examine_framing(head: Head, *, wants_upgrade: bool) -> tuple[str, str] | None:
    coding = head.lowered.get(b"transfer-encoding")
    length = head.lowered.get(b"content-length")
    if coding is not None:
        if length is not None or head.http10 or coding.strip().lower() != b"chunked":
            return (
                "BAD_REQUEST",
                "The body's framing is ambiguous: use Content-Length, or Transfer-Encoding: chunked alone.",
            )
        head.chunked = True
    elif length is not None:
        if not length.isdigit() or len(length) > 18:
            return "BAD_REQUEST", "Content-Length is not a number."
        head.content_length = int(length)
    expect = head.lowered.get(b"expect")
    if expect is not None:
        if expect.lower() != b"100-continue":
            return "BAD_REQUEST", "This expectation cannot be met."
        head.expects_continue = head.has_body and not head.http10
    if wants_upgrade:
        # The parser reads no further than this request, so one that is not followed is the connection's last.
        head.keep_alive = False
        head.upgrade = head.lowered.get(b"upgrade", b"").lower() == b"websocket" and head.method == b"GET"
        if head.upgrade and (head.has_body or head.http10):
            return "BAD_REQUEST", "A WebSocket is opened by an HTTP/1.1 request without a body."
    return None


_ONCE: Final = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"authorization", b"expect", b"idempotency-key"}
)


# Visible characters but #: a fragment is the client's own affair, and servers disagree on what to do with one.
_IN_TARGETS: Final = all_of(rb"[!\"$-~]")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})").search
_IN_HOSTS: Final = all_of(rb"[!$-.0-;=A-\[\]-~]")
_NOTHING: Final[frozenset[bytes]] = frozenset()
_NAMES_NOTHING: Final = frozenset({b"keep-alive", b"Keep-Alive", b"close"})


def connection_options(value: bytes | None) -> frozenset[bytes]:
    """Header names that `Connection:` declares hop-by-hop for this message."""
    if value is None or value in _NAMES_NOTHING:
        return _NOTHING
    return frozenset(part.strip().lower() for part in value.split(b","))


def status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d Status\r\n" % status
