import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.platform.egress import METADATA_ADDRESSES, forbidden_address, metadata_host
from portico.platform.outbound import AnswerBroken, AnswerLate, EgressRefused, Outbound, Unreachable
from portico.platform.sections import UpstreamSettings
from portico.platform.settings import Settings

DEVELOPMENT = Settings()
PRODUCTION = Settings(environment="production")
ALL = ("0.0.0.0/0", "::/0")
NEVER_PUBLIC = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]


def carried_forms(inner: IPv4Address) -> list[IPv6Address]:
    number = int(inner)
    return [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(int(IPv6Address("64:ff9b::")) | number),
        IPv6Address(int(IPv6Address("64:ff9b:1::")) | number),
        IPv6Address(0x2002 << 112 | number << 80 | 1),
        IPv6Address(0x20010000 << 96 | (number ^ 0xFFFFFFFF)),
    ]


@pytest.mark.req("C27")
@given(st.sampled_from(NEVER_PUBLIC).flatmap(lambda net: st.ip_addresses(network=net)))
def test_no_address_of_a_range_that_is_not_public_is_ever_called(address: IPv4Address) -> None:
    assert forbidden_address(str(address), ())
    for carrier in carried_forms(address):
        assert forbidden_address(str(carrier), ()), carrier


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_by_both(address: IPv4Address) -> None:
    for carrier in carried_forms(address):
        if forbidden_address(str(address), ()):
            assert forbidden_address(str(carrier), ())


@pytest.mark.req("C27")
@pytest.mark.parametrize("address", sorted(str(each) for each in METADATA_ADDRESSES))
def test_no_setting_opens_a_metadata_address(address: str) -> None:
    assert forbidden_address(address, ALL)
    assert metadata_host(address)
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        for carrier in carried_forms(parsed):
            assert forbidden_address(str(carrier), ALL), carrier


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_may_be_called(address: str) -> None:
    assert forbidden_address(address, ()) is None


@pytest.mark.parametrize(
    "address", ["::", "::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "nonsense", ""]
)
def test_an_address_of_the_inside_may_not(address: str) -> None:
    assert forbidden_address(address, ())


def test_an_allowed_range_opens_itself_alone() -> None:
    allowed = ("10.1.0.0/16", "127.0.0.0/8")
    assert forbidden_address("10.1.2.3", allowed) is None
    assert forbidden_address("::ffff:10.1.2.3", allowed) is None
    assert forbidden_address("10.2.2.3", allowed)


def names(**addresses: list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    async def resolve(host: str, _port: int) -> list[str]:
        return addresses[host.replace(".", "_")]

    return resolve


@asynccontextmanager
async def server(answer: bytes, seen: list[bytes], *, hold: bool = False) -> AsyncIterator[int]:
    """Answers each connection with `answer`; `hold` leaves the connection open until the end."""
    over = asyncio.Event()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        with contextlib.suppress(ConnectionError):
            writer.write(answer)
            await writer.drain()
            if hold:
                await over.wait()
            writer.close()
            await writer.wait_closed()

    def began(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.create_task(serve(reader, writer)))

    listening = await asyncio.start_server(began, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        over.set()
        await asyncio.gather(*running)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.req("C27")
async def test_the_checked_address_is_called_under_its_name() -> None:
    seen: list[bytes] = []
    async with server(OK, seen) as port:
        outbound = Outbound(DEVELOPMENT, names(shop_example=["127.0.0.1"]))
        answer = await outbound.send("GET", f"http://shop.example:{port}/health", timeout_s=5, max_bytes=10)
    assert (answer.status, answer.body) == (200, b"hi")
    assert f"host: shop.example:{port}".encode() in seen[0].lower()


@pytest.mark.req("C27")
@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["1.1.1.1", "127.0.0.1"], ["::ffff:10.0.0.1"]]
)
async def test_a_name_that_leads_inside_is_refused_in_production(addresses: list[str]) -> None:
    outbound = Outbound(PRODUCTION, names(shop_example=addresses))
    with pytest.raises(EgressRefused, match=r"shop\.example"):
        await outbound.send("GET", "http://shop.example/", timeout_s=5, max_bytes=10)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://u:p@127.0.0.1/", "http://169.254.169.254/", "http://metadata/"]
)
async def test_an_url_that_is_not_plain_http_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        await Outbound(DEVELOPMENT).send("GET", url, timeout_s=5, max_bytes=10)


@pytest.mark.req("C27")
async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    seen: list[bytes] = []
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    async with server(moved, seen) as port:
        answer = await Outbound(DEVELOPMENT).send("GET", f"http://127.0.0.1:{port}/", timeout_s=5, max_bytes=10)
    assert (answer.status, len(seen)) == (302, 1)


async def test_a_long_answer_is_cut_off() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000
    async with server(endless, []) as port:
        with pytest.raises(AnswerBroken, match="longer than 1,000 bytes"):
            await Outbound(DEVELOPMENT).send("GET", f"http://127.0.0.1:{port}/", timeout_s=5, max_bytes=1000)


async def test_the_timeout_covers_the_whole_answer() -> None:
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", [], hold=True) as port:
        with pytest.raises(AnswerLate):
            await Outbound(DEVELOPMENT).send("GET", f"http://127.0.0.1:{port}/", timeout_s=0.2, max_bytes=1000)


async def test_the_next_address_is_tried_when_one_refuses_the_connection() -> None:
    seen: list[bytes] = []
    async with server(OK, seen) as port:
        outbound = Outbound(DEVELOPMENT, names(localhost=["::1", "127.0.0.1"]))
        answer = await outbound.send("GET", f"http://localhost:{port}/", timeout_s=5, max_bytes=10)
    assert answer.status == 200


async def test_nobody_there_and_no_such_name_are_unreachable() -> None:
    async def fails(_host: str, _port: int) -> list[str]:
        raise OSError

    with pytest.raises(Unreachable):
        await Outbound(DEVELOPMENT, fails).send("GET", "http://nowhere.example/", timeout_s=5, max_bytes=10)
    with pytest.raises(Unreachable):
        await Outbound(DEVELOPMENT).send("GET", "http://127.0.0.1:1/", timeout_s=5, max_bytes=10)


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    settings = replace(DEVELOPMENT, data_dir=tmp_path, upstream=UpstreamSettings())
    async with server(OK, []) as port:
        answer = await Outbound(settings).send("GET", f"http://127.0.0.1:{port}/", timeout_s=5, max_bytes=10)
    assert answer.status == 200
