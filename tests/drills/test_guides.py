"""The recipes of the guides for operators, taken from their text and done: a recipe that nobody has cooked is a rumour."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from tests.drills.conftest import running
from tests.installation import OWNER_EMAIL, OWNER_PASSWORD, Installation, free_port, sample

pytestmark = pytest.mark.drill

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
NAME = "portico.company.example"


def recipe(guide: str, language: str, holding: str) -> str:
    """The fenced block of a guide that holds these words."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (GUIDES / guide).read_text(), re.DOTALL)
    return next(block for block in blocks if holding in block)


def needs_program(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is missing: this recipe was not tried")


# -- nginx in front ---------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    pem, key = tmp_path / "portico.pem", tmp_path / "portico.key"
    subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", pem]
    subprocess.run([*made, *subject], check=True, capture_output=True, timeout=30)
    return pem, key


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "data")
    made.extra = {
        "PORTICO_ENV": "production",
        "PORTICO_SERVER_PUBLIC_URL": f"https://{NAME}",
        "PORTICO_SERVER_TRUSTED_PROXIES": "127.0.0.1/32",
        "PORTICO_SECURITY_SECURE_COOKIES": "true",
        "PORTICO_METRICS_KEY": "m" * 40,
        "PORTICO_UPSTREAM_ALLOWED_PRIVATE_RANGES": "127.0.0.0/8",
        "PORTICO_SERVER_DRAIN_S": "5",
    }
    yield from running(made)


@contextmanager
def nginx(folder: Path, site: str) -> Iterator[None]:
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {paths}\n{site}\n}}\n"
    )
    tested = subprocess.run(["nginx", "-t", "-c", config], capture_output=True, text=True, timeout=20, check=False)
    assert tested.returncode == 0, tested.stderr
    process = subprocess.Popen(["nginx", "-c", config], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def behind_nginx(production: Installation, certificate: tuple[Path, Path], folder: Path) -> Iterator[int]:
    port = free_port()
    site = recipe("production.md", "nginx", "proxy_pass")
    for theirs, ours in (
        ("127.0.0.1:8009", f"127.0.0.1:{production.port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/portico.pem", str(certificate[0])),
        ("/etc/ssl/portico.key", str(certificate[1])),
    ):
        assert theirs in site, f"the recipe does not say {theirs}"
        site = site.replace(theirs, ours)
    with nginx(folder, site):
        yield port


@pytest.mark.req("SP23", "SP9")
def test_the_recipe_for_nginx_serves_people_sockets_and_streams(
    production: Installation, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    needs_program("nginx")
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    with (
        sample("model_server.py", "--delay-ms", "50") as model,
        behind_nginx(production, certificate, tmp_path / "nginx") as port,
        httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=trust, timeout=30) as client,
    ):
        # The name people use, at the address where it is tried.
        client.headers["host"] = NAME
        named = {"sni_hostname": NAME}
        wait_for_answer(client, named)
        signed_in = client.post(
            "/api/v1/auth/sign-in", json={"email": OWNER_EMAIL, "password": OWNER_PASSWORD}, extensions=named
        )
        assert signed_in.status_code == 200, signed_in.text
        cookie = signed_in.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("secure", "httponly", "samesite=strict"))
        assert "max-age=31536000" in signed_in.headers["strict-transport-security"]
        owner = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        assert client.get("/metrics", headers=owner, extensions=named).status_code == 403

        hears_hello(client, owner, named, port, trust)
        service = {"name": "model", "kind": "model", "url": f"{model}/v1", "models": ["extractive-summariser"]}
        assert client.post("/api/v1/services", json=service, headers=owner, extensions=named).is_success
        draft = {"name": "app", "permissions": ["services.call", "services.read"]}
        key = client.post("/api/v1/keys", json=draft, headers=owner, extensions=named).json()["secret"]
        gaps = chunk_times(client, {"Authorization": f"Bearer {key}"}, named)
        # Collected by the proxy they would all come at once, at the end.
        assert gaps[-1] - gaps[0] > 0.3, gaps


def wait_for_answer(client: httpx2.Client, named: dict[str, str]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if client.get("/health/ready", extensions=named).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("nginx did not pass on /health/ready within 20 s")


def hears_hello(
    client: httpx2.Client, owner: dict[str, str], named: dict[str, str], port: int, trust: ssl.SSLContext
) -> None:
    """The socket of the web client, as a page of that address would open it."""
    ticket = client.post("/api/v1/ws-tickets", headers=owner, extensions=named).json()["ticket"]
    with connect(
        f"wss://{NAME}/ws",
        sock=socket.create_connection(("127.0.0.1", port), timeout=10),
        ssl=trust,
        server_hostname=NAME,
        origin=f"https://{NAME}",  # type: ignore[arg-type]
        subprotocols=["portico.v1", f"ticket.{ticket}"],  # type: ignore[list-item]
        open_timeout=10,
    ) as opened:
        assert '"hello"' in str(opened.recv(timeout=10))


def chunk_times(client: httpx2.Client, key: dict[str, str], named: dict[str, str]) -> list[float]:
    ask = {
        "model": "extractive-summariser",
        "stream": True,
        "max_tokens": 20,
        "messages": [{"role": "user", "content": "Pass it on as it comes, please. " * 10}],
    }
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with client.stream("POST", "/v1/chat/completions", json=ask, headers=key, extensions=named) as answer:
            if answer.status_code == 200:
                return [time.monotonic() for line in answer.iter_lines() if line.startswith("data:")]
        time.sleep(0.1)
    raise AssertionError("the model was not reachable within 15 s")


# -- backup and restore -----------------------------------------------------------------------------------------------


@pytest.mark.req("SS30", "SP25")
def test_the_recipe_for_a_backup_loses_no_call_while_calls_go_on(installation: Installation, tmp_path: Path) -> None:
    needs_program("sqlite3")
    with sample("inventory_service.py") as inventory, installation.signed_in() as owner:
        owner.make("/services", name="inventory", kind="http", url=inventory)
        key = {"Authorization": f"Bearer {owner.make_key()}"}
        with httpx2.Client(base_url=installation.url, headers=key, timeout=10) as client:
            owner.wait_for(lambda: client.get("/svc/inventory/stock").status_code == 200, "the service")
            made_before = [client.get("/svc/inventory/stock").headers["x-request-id"] for _ in range(50)]
            saved = backup(installation.data_dir, tmp_path / "backups")
            client.get("/svc/inventory/stock")
    installation.kill_everything()

    restored = Installation(tmp_path / "restored", extra={"PORTICO_PASSWORD": OWNER_PASSWORD})
    shutil.copytree(saved, restored.data_dir)
    try:
        restored.run("migrate", "up")
        restored.start()
        with restored.signed_in() as owner:
            for each in made_before:
                found = owner.wait_for(lambda each=each: owner.get("/calls", q=each)["items"], f"the call {each}")
                assert len(found) == 1
            assert owner.make("/audit/verify")["verified"] is True
    finally:
        restored.kill_everything()


def backup(data_dir: Path, to: Path) -> Path:
    script = recipe("backup.md", "", ".backup").replace("/var/lib/portico", str(data_dir)).replace("/backup/", f"{to}/")
    subprocess.run(["bash", "-euc", script], check=True, capture_output=True, timeout=60)
    (saved,) = to.iterdir()
    return saved
