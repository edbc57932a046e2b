"""However a socket ends, its places, its seat and its pumps are given back; and what only a good ticket opens."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from portico.domains.tenancy import public as tenancy
from portico.domains.tenancy.model import Identity
from portico.domains.tenancy.service import keys
from portico.platform.deps import Deps
from portico.platform.sections import RealtimeSettings
from portico.platform.settings import Settings, SettingsInvalid, load_settings
from portico.realtime.admission import SocketTerms
from tests.realtime.served import PASSWORD, Client, Served, reader_of, serve

# One process that opens a socket, says so and then waits to be killed.
SLEEPER = """
import asyncio, sys
from websockets.asyncio.client import connect
async def main():
    async with connect(sys.argv[1], subprotocols=["portico.v1", "ticket." + sys.argv[2]]) as socket:
        await socket.recv()
        await socket.send('{"type":"subscribe","topic":"calls","since":null}')
        await socket.recv()
        print("open", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def goodbye(client: Client, _deps: Deps) -> None:
    await client.connection.close()


async def cut(client: Client, _deps: Deps) -> None:
    client.connection.transport.abort()


async def half_closed(client: Client, _deps: Deps) -> None:
    """The client sends no more, and still listens."""
    client.connection.transport.write_eof()


async def half_open(client: Client, _deps: Deps) -> None:
    """The network went away: nothing is read or sent any more, and nobody says so."""
    client.connection.transport.pause_reading()


async def protocol_error(client: Client, _deps: Deps) -> None:
    """A frame of a client must be masked."""
    client.connection.transport.write(Frame(Opcode.TEXT, b'{"type":"pong"}').serialize(mask=False))


async def broken_text(client: Client, _deps: Deps) -> None:
    client.connection.transport.write(Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True))


async def binary(client: Client, _deps: Deps) -> None:
    await client.connection.send(b"\x00")


async def too_large(client: Client, _deps: Deps) -> None:
    await client.connection.send("x" * 200_000)


async def abuse(client: Client, _deps: Deps) -> None:
    for _ in range(400):
        await client.send(type="pong")


async def key_revoked(client: Client, deps: Deps) -> None:
    assert client.identity is not None
    assert client.identity.key_id is not None
    system = tenancy.open_system_scope(client.identity.scope.org_id)
    await keys.revoke_key(system, client.identity.key_id, deps)


ENDS: tuple[Callable[[Client, Deps], Awaitable[None]], ...] = (
    goodbye,
    cut,
    half_closed,
    half_open,
    protocol_error,
    broken_text,
    binary,
    too_large,
    abuse,
    key_revoked,
)
QUICK = SocketTerms(heartbeat_s=0.1, silence_s=1.0, recheck_least_s=0.01)


async def nothing_left(served: Served) -> None:
    async with asyncio.timeout(20):
        while served.realtime.places.taken() or served.realtime.seats or served.realtime.pumps:
            await asyncio.sleep(0.02)


@pytest.mark.req("SC8", "C11", "HY13", "HY14")
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_every_kind_of_end_gives_the_places_back(
    deps: Deps, end: Callable[[Client, Deps], Awaitable[None]]
) -> None:
    identity = await reader_of(deps, "otter")
    async with serve(deps, QUICK) as served, served.connect(identity) as client:
        assert (await client.receive())["type"] == "hello"
        await client.subscribe("calls")
        assert (served.realtime.places.taken(), len(served.realtime.pumps)) == (1, 1)
        await end(client, deps)
        await nothing_left(served)


@pytest.mark.req("SC8", "C11")
async def test_a_client_killed_in_its_tracks_gives_its_places_back(deps: Deps) -> None:
    identity = await reader_of(deps, "otter")
    async with serve(deps) as served:
        url = f"ws://127.0.0.1:{served.port}/ws"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SLEEPER, url, await served.ticket(identity), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(20):
                assert await process.stdout.readline() == b"open\n"
            assert served.realtime.places.taken() == 1
            os.kill(process.pid, signal.SIGKILL)
            await nothing_left(served)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.mark.req("SC8", "C11")
async def test_who_connects_and_says_nothing_is_let_go(deps: Deps) -> None:
    async with serve(deps, SocketTerms(auth_wait_s=0.1)) as served, served.connect() as client:
        assert await client.closed() == 4401
        await nothing_left(served)


async def test_a_handshake_that_is_none_takes_no_place(deps: Deps) -> None:
    async with serve(deps) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as raw:
            raw.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(
                raw, b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            )
            async with asyncio.timeout(10):
                assert b" 400 " in (await loop.sock_recv(raw, 4096)).split(b"\r\n")[0]
        await nothing_left(served)


@pytest.mark.req("HY13", "C12", "R-INT-002")
async def test_a_good_refresh_cookie_or_token_opens_no_socket(deps: Deps) -> None:
    seeded = await tenancy.seed_owner(deps, "Otter", "otter", "o@otter.example", "Owner", PASSWORD)
    signed_in = await tenancy.sign_in("o@otter.example", PASSWORD, seeded.org_id, None, deps)
    headers = {
        "Cookie": f"portico_refresh={signed_in.refresh_token}; access_token={signed_in.access_token}",
        "Authorization": f"Bearer {signed_in.access_token}",
    }
    async with serve(deps) as served:
        for word in (signed_in.access_token, signed_in.refresh_token):
            async with served.connect(additional_headers=headers) as client:
                await client.send(type="auth", ticket=word)
                assert await client.closed() == 4401
            async with served.connect(
                additional_headers=headers, subprotocols=["portico.v1", f"ticket.{word}"]
            ) as client:
                assert await client.closed() == 4401
        async with served.connect(additional_headers=headers) as client:
            await client.send(type="subscribe", topic="calls")
            assert await client.closed() == 4401


@pytest.mark.req("HY13", "C12", "HY15")
def test_there_is_no_setting_that_could_let_a_cookie_open_a_socket(tmp_path: Path) -> None:
    """A ticket alone does; which settings touch sockets at all is a decision, and a new one has to be entered here."""
    # This one says how the refresh cookie travels; sockets read no cookie, as the test above shows.
    assert [name for name in names_of(Settings(data_dir=tmp_path)) if "cookie" in name] == ["secure_cookies"]
    assert {each.name for each in fields(RealtimeSettings)} == {
        "max_sockets",
        "max_sockets_per_scope",
        "max_sockets_per_person",
        "messages_per_minute",
    }
    # So that a start cannot be asked for what does not exist either: an unknown name is refused, not passed over.
    with pytest.raises(SettingsInvalid, match="PORTICO_REALTIME_UNHEARD_OF"):
        load_settings({"PORTICO_DATA_DIR": str(tmp_path), "PORTICO_REALTIME_UNHEARD_OF": "true"})


def names_of(settings: object) -> list[str]:
    """Every setting there is, whichever section it stands in."""
    found = []
    for each in fields(settings):  # type: ignore[arg-type]
        held = getattr(settings, each.name)
        found += [each.name, *(names_of(held) if is_dataclass(held) else [])]
    return found


@pytest.mark.req("HY13", "C12", "HY15")
@pytest.mark.parametrize("origin", ["*", "http://app.example", "null"])
def test_production_does_not_start_when_sockets_would_be_open_to_any_page(origin: str, tmp_path: Path) -> None:
    environ = {
        "PORTICO_ENV": "production",
        "PORTICO_DATA_DIR": str(tmp_path),
        "PORTICO_SERVER_ALLOWED_ORIGINS": json.dumps([origin]),
    }
    with pytest.raises(SettingsInvalid, match="allowed_origins"):
        load_settings(environ)


@pytest.mark.req("HY13", "SS2")
async def test_where_a_page_comes_from_is_looked_at_before_its_ticket(deps: Deps) -> None:
    identity: Identity = await reader_of(deps, "otter")
    async with serve(deps) as served:
        offered = ["portico.v1", f"ticket.{await served.ticket(identity)}"]
        async with served.connect(origin="https://evil.example", subprotocols=offered) as client:
            assert await client.closed() == 4403
        # The ticket was not taken, so it is still good for the page that it was made for.
        async with served.connect(subprotocols=offered) as client:
            assert (await client.receive())["type"] == "hello"
