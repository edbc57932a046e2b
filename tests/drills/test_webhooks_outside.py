"""Webhooks as the world outside meets a running Portico: certificates, redirects, addresses, and secrets changed in full flow."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.gateway.test_upstream_tls import make_certificate
from tests.installation import Installation, Owner
from tests.webhooks.receivers import Reply, Request, receiver, standard_accepts

T = TypeVar("T")
ROTATIONS, SECRETS_EACH = 4, 5


async def as_owner(installation: Installation, work: Callable[[Owner], T]) -> T:
    def done() -> T:
        with installation.signed_in() as owner:
            return work(owner)

    return await asyncio.to_thread(done)


def make(owner: Owner, name: str, url: str) -> dict[str, Any]:
    return owner.make("/webhooks", name=name, url=url, kinds=["secret.created"])


def try_out(owner: Owner, webhook_id: str) -> dict[str, Any]:
    return owner.make(f"/webhooks/{webhook_id}/test")


@pytest.mark.drill
@pytest.mark.req("C27", "SS26")
async def test_only_a_certificate_that_the_operator_vouches_for_is_taken_and_nothing_is_followed_elsewhere(
    installation: Installation, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async with receiver(tls=context) as safe, receiver() as inside:
        elsewhere = Reply(307, {"Location": inside.url})
        async with receiver(lambda _request: elsewhere) as leading:
            made = await as_owner(installation, lambda owner: make(owner, "safe", safe.url))
            led = await as_owner(installation, lambda owner: make(owner, "leading", leading.url))
            refused = await as_owner(installation, lambda owner: try_out(owner, made["webhook"]["id"]))
            assert refused["error"].startswith("E9705"), refused
            assert safe.requests == []
            redirected = await as_owner(installation, lambda owner: try_out(owner, led["webhook"]["id"]))
            assert redirected["status"] == 307
            assert "redirects are not followed" in redirected["error"]
            assert (len(leading.requests), inside.requests) == (1, [])

            assert await asyncio.to_thread(installation.stop) == 0
            installation.extra["PORTICO_UPSTREAM_CA_FILE"] = str(certificate)
            await asyncio.to_thread(installation.start)
            taken = await as_owner(installation, lambda owner: try_out(owner, made["webhook"]["id"]))
            assert (taken["status"], taken["error"]) == (204, None)
            assert standard_accepts(made["secret"], safe.requests[-1])


@pytest.mark.drill
@pytest.mark.req("C27", "SS26")
async def test_no_address_inside_is_taken_however_it_is_written(installation: Installation) -> None:
    inside = (
        "http://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://metadata.google.internal./",
        "http://10.0.0.1/",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
    )
    # Only a resolver reads these as addresses, so they are refused when something is sent.
    in_disguise = ("http://2852039166/", "http://0xa9.0xfe.0xa9.0xfe/", "http://167772161/")

    def attempt(owner: Owner) -> tuple[list[str], list[str]]:
        said = [str(owner.client.post("/webhooks", json={"name": "in", "url": url}).json()["code"]) for url in inside]
        made = [make(owner, f"disguise-{place}", url) for place, url in enumerate(in_disguise)]
        return said, [str(try_out(owner, each["webhook"]["id"])["error"])[:5] for each in made]

    said, sent = await as_owner(installation, attempt)
    assert said == ["EGRESS_REFUSED"] * len(inside)
    assert sent == ["E9704"] * len(in_disguise)


@pytest.mark.drill
@pytest.mark.req("C26", "SS26")
async def test_a_secret_changed_again_and_again_in_full_flow_never_leaves_a_delivery_unverified(
    installation: Installation,
) -> None:
    """Every delivery verifies with the secret that its receiver held when the request arrived, or with the next one."""
    held: list[str] = []
    verified: list[bool] = []

    def check(request: Request) -> Reply:
        # A receiver that is slow to change: it knows the newest secret it was given, and the one before.
        verified.append(any(standard_accepts(secret, request) for secret in held[-2:]))
        return Reply()

    def flow(owner: Owner, webhook_id: str) -> None:
        for turn in range(ROTATIONS):
            for place in range(SECRETS_EACH):
                owner.make("/secrets", name=f"flow-{turn}-{place}", value="a value that stays inside")
            held.append(owner.make(f"/webhooks/{webhook_id}/rotate-secret", overlap_s=600)["secret"])

    async with receiver(check) as endpoint:
        made = await as_owner(installation, lambda owner: make(owner, "flow", endpoint.url))
        held.append(made["secret"])
        await as_owner(installation, lambda owner: flow(owner, made["webhook"]["id"]))
        async with asyncio.timeout(30):
            while len({request.id for request in endpoint.taken}) < ROTATIONS * SECRETS_EACH:
                await asyncio.sleep(0.05)
    assert all(verified)
    assert any(len(request.headers["webhook-signature"].split()) == 2 for request in endpoint.taken)
