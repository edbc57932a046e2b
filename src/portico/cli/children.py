"""Programs that `portico up` starts: each writes to its own log file, is watched, and is stopped with the rest."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from portico.cli.failures import CommandFailed

_LISTENS_AT = re.compile(rb"https?://[\w.:\[\]-]+:\d+")


# A longer log is put aside at the next start; the one put aside before it goes.
LONGEST_LOG_BYTES = 20_000_000


class Child:
    """`environment` is added to ours; secrets travel there and not on the command line, which others can read."""

    def __init__(
        self, name: str, arguments: list[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.log = name, log
        self.arguments, self._environment = arguments, dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.log.exists() and self.log.stat().st_size > LONGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old"))
        with self.log.open("ab") as output:
            self._began_at = output.tell()
            # A session of its own, so that Ctrl-C reaches only us and we decide the order of stopping.
            self._process = subprocess.Popen(  # noqa: S603 - our own programs only
                [sys.executable, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self._environment},
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait_for_address(self, wait_s: float) -> str:
        """The first address that it prints; raises CommandFailed with its last lines when there is none."""
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            found = _LISTENS_AT.search(self._written())
            if found:
                return found[0].decode()
            if not self.alive:
                break
            time.sleep(0.02)
        raise self.failure("did not say where it listens" if self.alive else "ended at once")

    def failure(self, what: str) -> CommandFailed:
        last = "\n".join(f"    {line}" for line in self._written().decode(errors="replace").splitlines()[-12:])
        said = f" It said:\n{last}" if last else ""
        return CommandFailed(
            f"{self.name} {what}.{said}", next_step=f"see {self.log}; portico doctor finds the usual causes"
        )

    def _written(self) -> bytes:
        with self.log.open("rb") as file:
            file.seek(self._began_at)
            return file.read(1_000_000)

    def stop(self, wait_s: float) -> int | None:
        """Ask it to end, and after `wait_s` make it."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(wait_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode
