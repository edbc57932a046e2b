"""A whole running Portico for tests that need one: real processes, real ports, started as an operator would."""

import atexit
import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx2

EXAMPLES = Path(__file__).parent.parent / "examples"
OWNER_EMAIL, OWNER_PASSWORD = "owner@demo.example", "a-long-enough-passphrase"
START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Installation:
    """`portico serve` with its own data folder and port. `signed_in()` is an API client of the owner."""

    data_dir: Path
    database_url: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("PORTICO_")}
        ours = {
            "PORTICO_PORT": str(self.port),
            "PORTICO_DATA_DIR": str(self.data_dir),
            "PORTICO_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
            # Every test client comes from one address, so the limits on strangers would be about the tests, not by them.
            "PORTICO_GATEWAY_ANONYMOUS_PER_MINUTE": "100000",
            "PORTICO_GATEWAY_ANONYMOUS_TOTAL_PER_MINUTE": "100000",
        }
        if self.database_url:
            ours["PORTICO_DATABASE_URL"] = self.database_url
        return {**outside, **ours, **self.extra}

    # -- life --------------------------------------------------------------------------------------------------------

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A `portico` command with this installation's settings."""
        command = [sys.executable, "-m", "portico", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.data_dir, check=check, capture_output=True, text=True, timeout=60
        )

    def prepare(self) -> Self:
        """Migrate, and make the demo org with its owner."""
        self.extra["PORTICO_PASSWORD"] = OWNER_PASSWORD
        if self.database_url:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._set_up()
        else:
            shutil.copytree(_prepared_data(), self.data_dir, dirs_exist_ok=True)
        return self

    def _set_up(self) -> None:
        self.run("migrate", "up")
        owner = ("--name", "Demo", "--slug", "demo", "--email", OWNER_EMAIL, "--owner", "Owner")
        self.run("setup", *owner, "--json")

    def start(self) -> Self:
        with (self.data_dir / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portico", "serve"],
                env=self.environment,
                cwd=self.data_dir,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"portico serve ended with {self.process.returncode}:\n{self.log()}")
            try:
                if httpx2.get(f"{self.url}/health/ready", timeout=2).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready after {START_S:g} s:\n{self.log()}")

    def stop(self) -> int:
        """SIGTERM, as a supervisor would; the exit code."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return 0 if process is None else process.returncode
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(45)
        except subprocess.TimeoutExpired:
            self._kill_tree(process.pid)
            raise AssertionError(f"did not stop within 45 s:\n{self.log()}") from None

    def kill_everything(self) -> None:
        """kill -9 on the supervisor and on both of its processes, at once."""
        process, self.process = self.process, None
        if process is not None:
            self._kill_tree(process.pid)
            process.wait(10)

    def pid_of(self, role: str) -> int:
        """The process id of `gateway` or `control`."""
        assert self.process is not None
        for pid in children_of(self.process.pid):
            if f"portico.main\0{role}\0" in Path(f"/proc/{pid}/cmdline").read_text():
                return pid
        raise AssertionError(f"no {role} process")

    def kill_role(self, role: str) -> None:
        os.kill(self.pid_of(role), signal.SIGKILL)

    def _kill_tree(self, pid: int) -> None:
        for each in (pid, *children_of(pid)):
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def log(self) -> str:
        path = self.data_dir / "serve.log"
        return path.read_text(errors="replace")[-8000:] if path.exists() else ""

    # -- use ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def signed_in(self, email: str = OWNER_EMAIL, password: str = OWNER_PASSWORD) -> Iterator["Owner"]:
        with httpx2.Client(base_url=f"{self.url}/api/v1", timeout=30) as client:
            answer = client.post("/auth/sign-in", json={"email": email, "password": password})
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield Owner(client)


@cache
def _prepared_data() -> Path:
    """The data folder of an installation that was set up and never started, made once for all that begin as its copy."""
    folder = Path(tempfile.mkdtemp(prefix="portico-prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Installation(folder / "data", extra={"PORTICO_PASSWORD": OWNER_PASSWORD})
    made.data_dir.mkdir()
    made._set_up()
    return made.data_dir


@dataclass
class Owner:
    """The demo org's owner at the management API; `make` and `get` fail the test on any refusal."""

    client: httpx2.Client

    def make(self, path: str, **draft: Any) -> dict[str, Any]:
        answer = self.client.post(path, json=draft)
        assert answer.is_success, f"POST {path}: {answer.status_code} {answer.text}"
        made: dict[str, Any] = answer.json()
        return made

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer = self.client.get(path, params=parameters)
        assert answer.is_success, f"GET {path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    def make_key(self, name: str = "tests", **draft: Any) -> str:
        return str(
            self.make("/keys", name=name, **{"permissions": ["services.read", "services.call"], **draft})["secret"]
        )

    def wait_for(self, question: Any, what: str, timeout_s: float = 10) -> Any:
        """Ask until the answer is true; what is folded in the background takes a moment."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            answer = question()
            if answer:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"waited {timeout_s:g} s in vain for {what}")


def children_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


@contextmanager
def sample(script: str, *arguments: str, **environment: str) -> Iterator[str]:
    """One of the sample programs on a free port; yields its URL."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / script), "--port", str(port), *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                if httpx2.get(f"{url}/health", timeout=2).status_code == 200:
                    break
            except httpx2.HTTPError:
                assert time.monotonic() < deadline, f"{script} did not start"
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait(10)
