"""The samples run as a newcomer runs them: as programs of their own, on a free port of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@contextmanager
def running(program: str, *arguments: str, **environment: str) -> Iterator[str]:
    """Start a sample and give its address; it must stop in good order when told to."""
    command = [sys.executable, str(EXAMPLES / program), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            try:
                code = process.wait(timeout=10)
            finally:
                process.kill()
        assert code == 0


@pytest.fixture(scope="module")
def inventory_url() -> Iterator[str]:
    with running("inventory_service.py") as url:
        yield url


@pytest.fixture
def fresh_inventory_url() -> Iterator[str]:
    with running("inventory_service.py") as url:
        yield url


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    with running("model_server.py") as url:
        yield url


@pytest.fixture(scope="module")
def guarded_model_url() -> Iterator[str]:
    with running("model_server.py", "--api-key", "sesame", "--delay-ms", "20") as url:
        yield url


@pytest.fixture
def inventory(inventory_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=inventory_url, timeout=10) as client:
        yield client


@pytest.fixture
def model(model_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=model_url, timeout=10) as client:
        yield client
