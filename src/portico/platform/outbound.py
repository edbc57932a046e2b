"""The one way out for `control`: every address is checked when it is used, pinned for the connection, and never redirected."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import httpx2

from portico.kernel.errors import Refusal
from portico.platform.egress import METADATA_REASON, forbidden_address, metadata_host
from portico.platform.link import BRIDGE_SOCKET
from portico.platform.settings import Settings

Resolve = Callable[[str, int], Awaitable[list[str]]]
Header = tuple[str, str]
_MOST_ADDRESSES = 4
_NEVER_OPENED = "Use another address: machines hand out their own credentials at this one, so no setting opens it."
# One connection per request: a kept one could be used again for another name at the same address, unchecked.
_NO_REUSE = httpx2.Limits(max_connections=None, max_keepalive_connections=0)


class EgressRefused(Refusal):
    code = "EGRESS_REFUSED"

    def __init__(self, host: str, reason: str) -> None:
        details = _NEVER_OPENED if reason == METADATA_REASON else None
        super().__init__(f"{host} {reason}, which Portico does not call.", details=details)


class Unreachable(Refusal):
    code = "UPSTREAM_UNREACHABLE"


class AnswerLate(Refusal):
    code = "UPSTREAM_TIMEOUT"


class AnswerBroken(Refusal):
    code = "UPSTREAM_BROKEN"


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` have lower-case names, in the order they came."""

    status: int
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each == name), None)


@dataclass(frozen=True, slots=True)
class _Most:
    bytes: int
    cut: bool = False


async def resolve_host(host: str, port: int) -> list[str]:
    """Addresses of a name, as the system resolves it; an address literal comes back as itself."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Sends single requests to other people's servers.

    settings   upstream.allowed_private_ranges opens private networks; development opens loopback
    """

    def __init__(self, settings: Settings, resolve: Resolve = resolve_host) -> None:
        self._settings, self._resolve = settings, resolve

    @property
    def settings(self) -> Settings:
        return self._settings

    async def send(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float,
        max_bytes: int,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        cut: bool = False,
    ) -> Answer:
        """One request, no redirects.

        timeout_s  for everything: looking up the name, connecting, and the whole answer
        max_bytes  of the answer's body; a longer one is refused, or with `cut` given up to there
        raises     EgressRefused · Unreachable · AnswerLate · AnswerBroken
        """
        target = _parse(url)
        try:
            async with asyncio.timeout(timeout_s):
                addresses = await self._permitted(target)
                most = _Most(max_bytes, cut)
                return await self._first_that_connects(target, addresses, method, headers, body, most)
        except TimeoutError as error:
            raise AnswerLate(f"{target.host} did not answer within {timeout_s:g} s.") from error

    async def _permitted(self, target: httpx2.URL) -> list[str]:
        """Every address of the name must be allowed: one that is not shows that the name is not to be trusted."""
        host = target.host
        if metadata_host(host):
            raise EgressRefused(host, METADATA_REASON)
        try:
            addresses = await self._resolve(host, _port(target))
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"The name {host} could not be resolved.") from error
        if not addresses:
            raise Unreachable(f"The name {host} has no address.")
        for address in addresses:
            if reason := forbidden_address(address, self._settings.private_ranges):
                shown = host if address == host else f"{host} ({address})"
                raise EgressRefused(shown, reason)
        return addresses[:_MOST_ADDRESSES]

    async def _first_that_connects(
        self,
        target: httpx2.URL,
        addresses: list[str],
        method: str,
        headers: Sequence[Header],
        body: bytes,
        most: _Most,
    ) -> Answer:
        refused: httpx2.ConnectError | None = None
        async with _client(self._settings.upstream.ca_file) as client:
            for address in addresses:
                # The connection goes to the address that was checked; Host and SNI keep the name.
                request = client.build_request(
                    method,
                    target.copy_with(host=address),
                    headers=[("host", _host_header(target)), ("accept-encoding", "identity"), *headers],
                    content=body or None,
                    extensions={"sni_hostname": target.host},
                )
                try:
                    return await _exchange(client, request, target.host, most)
                except httpx2.ConnectError as error:
                    refused = error
        raise Unreachable(f"{target.host} could not be reached: {refused}.") from refused


async def send_to_own_gateway(
    settings: Settings,
    method: str,
    path_and_query: str,
    *,
    timeout_s: float,
    max_bytes: int,
    headers: Sequence[Header] = (),
    body: bytes = b"",
) -> Answer:
    """To our own front door on this machine, which no range has to allow."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    try:
        async with asyncio.timeout(timeout_s), _client("") as client:
            url = f"http://{shown}:{settings.server.port}{path_and_query}"
            request = client.build_request(
                method, url, headers=[("accept-encoding", "identity"), *headers], content=body or None
            )
            return await _exchange(client, request, "the gateway", _Most(max_bytes))
    except httpx2.ConnectError as error:
        raise Unreachable("The gateway could not be reached.") from error
    except TimeoutError as error:
        raise AnswerLate(f"The call did not finish within {timeout_s:g} s.") from error


async def send_to_own_bridge(
    settings: Settings,
    method: str,
    path: str,
    *,
    timeout_s: float,
    max_bytes: int = 1 << 20,
    headers: Sequence[Header] = (),
    body: bytes = b"",
) -> Answer:
    """To the bridge, over its socket, which only our own processes can open."""
    transport = httpx2.AsyncHTTPTransport(uds=str(settings.run_dir / BRIDGE_SOCKET), limits=_NO_REUSE)
    try:
        async with (
            asyncio.timeout(timeout_s),
            httpx2.AsyncClient(transport=transport, trust_env=False, timeout=None) as client,
        ):
            request = client.build_request(method, f"http://bridge{path}", headers=list(headers), content=body or None)
            return await _exchange(client, request, "the bridge", _Most(max_bytes))
    except httpx2.ConnectError as error:
        raise Unreachable("The bridge, which runs local tool servers, does not answer; it may be starting.") from error
    except TimeoutError as error:
        raise AnswerLate(f"The bridge did not answer within {timeout_s:g} s.") from error


def _client(ca_file: str) -> httpx2.AsyncClient:
    # No environment: a proxy variable would carry the request past the address check. No timeout: the caller's covers all.
    transport = httpx2.AsyncHTTPTransport(verify=_tls(ca_file), trust_env=False, limits=_NO_REUSE)
    return httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=None)


@lru_cache(maxsize=4)
def _tls(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context


async def _exchange(client: httpx2.AsyncClient, request: httpx2.Request, who: str, most: _Most) -> Answer:
    try:
        response = await client.send(request, stream=True)
        try:
            body = await _bounded(response.aiter_raw(), who, most)
        finally:
            await response.aclose()
    except httpx2.ConnectError:
        raise
    except (httpx2.HTTPError, httpx2.StreamError, ssl.SSLError) as error:
        raise AnswerBroken(f"The answer of {who} broke off or was malformed ({type(error).__name__}).") from error
    return Answer(
        response.status_code, tuple((name.lower(), value) for name, value in response.headers.multi_items()), body
    )


async def _bounded(chunks: AsyncIterator[bytes], who: str, most: _Most) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most.bytes:
            if most.cut:
                return bytes(body[: most.bytes])
            raise AnswerBroken(f"The answer of {who} is longer than {most.bytes:,} bytes.")
    return bytes(body)


def _parse(url: str) -> httpx2.URL:
    try:
        target = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Unreachable("The URL is malformed.") from error
    if target.scheme not in {"http", "https"} or not target.host or target.userinfo:
        raise EgressRefused(target.host or "The URL", "is not a plain http or https address")
    return target


def _port(target: httpx2.URL) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


def _host_header(target: httpx2.URL) -> str:
    return target.netloc.decode("ascii")
