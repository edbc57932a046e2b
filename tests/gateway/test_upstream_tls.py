"""Services over https: certificates are verified, an operator may add an authority, and nothing else is believed."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portico.platform.sections import UpstreamSettings
from portico.platform.settings import Settings
from tests.gateway.house import Upstream, answer, open_house, service, snapshot


def make_certificate(folder: Path, address: str) -> Path:
    """A self-signed certificate for one address; the file holds the key as well."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portico test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "service.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TlsUpstream(Upstream):
    """A scripted service that speaks TLS with the given certificate."""

    def __init__(self, certificate: Path, *answers: bytes) -> None:
        super().__init__(*answers)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["TlsUpstream"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


async def call_over_tls(folder: Path, certificate: Path, ca_file: str) -> int:
    settings = Settings(upstream=UpstreamSettings(ca_file=ca_file))
    async with (
        TlsUpstream(certificate, answer(b"sealed")).running() as upstream,
        open_house(folder / "data", snapshot(service("safe", upstream.url)), base=settings) as house,
    ):
        answered = await house.ask("GET", "/svc/safe/anything")
        assert (answered.body == b"sealed") is (answered.status == 200), answered.body
        return answered.status


@pytest.mark.req("SP1", "SP23")
async def test_a_service_with_an_authority_of_our_own_is_reached(
    tmp_path: Path,
) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.1")
    assert await call_over_tls(tmp_path, certificate, str(certificate)) == 200


@pytest.mark.req("SP1", "SP23")
async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    assert await call_over_tls(tmp_path, make_certificate(tmp_path, "127.0.0.1"), "") == 502


@pytest.mark.req("SP1", "SP23")
async def test_a_certificate_for_another_address_is_refused(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.2")
    assert await call_over_tls(tmp_path, certificate, str(certificate)) == 502
