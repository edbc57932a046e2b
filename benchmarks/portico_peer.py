"""Portico as a contestant."""

from __future__ import annotations

from contestants import Contestant
from peers import Absent, Installed


def prepare_portico() -> Installed | Absent:
    return Absent("not yet")


def portico(installed: Installed) -> Contestant:
    raise NotImplementedError
