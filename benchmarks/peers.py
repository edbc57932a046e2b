"""Prepare the peers that Portico is measured against: each in its own folder under `.cache/`, once.

Run by hand as `python benchmarks/peers.py`; `run.py` calls it too and goes on without a peer that cannot be prepared,
saying so in the table.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parent / ".cache"
LITELLM_VERSION = "1.108.7"
PORTKEY_VERSION = "1.15.2"
# LiteLLM asks for a certificate bundle so fresh that a lagging package mirror may not have it yet. No certificate is
# read over loopback, so an older bundle changes nothing that is measured.
LITELLM_OVERRIDES = "certifi>=2026.4\n"
# With a newer one every streamed answer is a 500: Portkey adds headers to an answer that this library then made immutable.
PORTKEY_OVERRIDES = {"@hono/node-server": "1.13.8"}
INSTALL_TIMEOUT_S = 1500


@dataclass(frozen=True)
class Absent:
    """A peer that cannot take part, and why, in words fit for the report."""

    reason: str


@dataclass(frozen=True)
class Installed:
    """What starts the peer, and which version it is."""

    program: tuple[str, ...]
    version: str


def prepare_nginx() -> Installed | Absent:
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        return Absent("nginx is not installed (Debian: apt-get install nginx-light)")
    banner = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10, check=False).stderr
    return Installed((program,), banner.strip().rpartition("/")[2])


def prepare_litellm() -> Installed | Absent:
    home = CACHE / f"litellm-{LITELLM_VERSION}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        options = ("--python", str(python), "--overrides", str(home / "overrides.txt"))
        package = f"litellm[proxy]=={LITELLM_VERSION}"
        failure = (
            _run([sys.executable, "-m", "venv", str(home)])
            or _run([str(python), "-m", "pip", "install", "--quiet", "uv"])
            or _write(home / "overrides.txt", LITELLM_OVERRIDES)
            or _run([str(home / "bin" / "uv"), "pip", "install", "--quiet", "--compile-bytecode", *options, package])
        )
        if failure:
            return Absent(f"litellm[proxy] {LITELLM_VERSION} could not be installed: {failure}")
        (home / "ready").touch()
    return Installed((str(python), str(home / "bin" / "litellm")), LITELLM_VERSION)


def prepare_portkey() -> Installed | Absent:
    home = CACHE / f"portkey-{PORTKEY_VERSION}"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return Absent("node and npm are not installed")
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        dependencies = {"@portkey-ai/gateway": PORTKEY_VERSION}
        (home / "package.json").write_text(json.dumps({"dependencies": dependencies, "overrides": PORTKEY_OVERRIDES}))
        failure = _run([npm, "install", "--prefix", str(home), "--no-audit", "--no-fund", "--loglevel=error"])
        if failure:
            return Absent(f"@portkey-ai/gateway {PORTKEY_VERSION} could not be installed: {failure}")
        (home / "ready").touch()
    server = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    return Installed((node, str(server)), PORTKEY_VERSION) if server.exists() else Absent("its server file is missing")


def _write(path: Path, text: str) -> str:
    path.write_text(text)
    return ""


def _run(command: list[str]) -> str:
    """Run niced, so that a machine in use stays usable. Returns the last line of the failure, or an empty string."""
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            ["nice", "-n", "10", *command], capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done after {INSTALL_TIMEOUT_S} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit code {done.returncode}"


def main() -> int:
    for name, prepare in (("nginx", prepare_nginx), ("portkey", prepare_portkey), ("litellm", prepare_litellm)):
        found = prepare()
        print(f"{name}: {found.version if isinstance(found, Installed) else 'ABSENT, ' + found.reason}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
