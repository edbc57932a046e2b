"""Plain HTTP: `/svc/{service}/{path}`, every method, bodies streamed both ways, WebSocket upgrade."""

import re

from portico.gateway.refusals import RouteNotFound

PREFIX = b"/svc/"
_SERVICE = re.compile(rb"[a-z0-9][a-z0-9-]{0,62}")


def split_target(path: bytes, target: bytes) -> tuple[str, bytes]:
    """The service's name and the path that it gets, query included.

    Dot segments are refused rather than resolved: what they mean differs between servers, and that difference is an attack.
    """
    name, slash, _rest = path[len(PREFIX) :].partition(b"/")
    if not _SERVICE.fullmatch(name):
        raise RouteNotFound("The path must be /svc/{service}/{path}.")
    upstream_path = target[len(PREFIX) + len(name) :]
    if not slash:
        upstream_path = b"/" + upstream_path
    if _has_dot_segment(path):
        raise RouteNotFound("The path may not hold . or .. segments.")
    return name.decode(), upstream_path


def _has_dot_segment(path: bytes) -> bool:
    if b"." not in path and b"%2" not in path:
        return False
    plain = path.lower().replace(b"%2e", b".").replace(b"%2f", b"/").replace(b"%5c", b"/").replace(b"\\", b"/")
    return any(segment in {b".", b".."} for segment in plain.split(b"/"))
