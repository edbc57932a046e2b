"""Calls' lines read into rows; compiled where it can be, since every call passes through here."""

from typing import Any

from portico.domains.usage.entry import (
    MAX_CORRELATION_ID,
    MAX_SERVICE_NAME,
    Charges,
    decode_call,
    decode_charges,
    decode_parties,
    line_of,
    read_opening,
    read_reservation,
)
from portico.domains.usage.lines import encode_line
from portico.domains.usage.model import CallLine, JournalLine
from portico.domains.usage.parties import Parties, Row


class CallReader:
    """Reads the calls of one batch; the parties that many of them share are read once."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[bytes, Parties] = {}

    @property
    def parties(self) -> list[Parties]:
        return [*self._said.values()]

    def read(self, raw: bytes) -> tuple[Row, Charges]:
        """raises one of entry.UNREADABLE"""
        line: tuple[Any, ...] = decode_call(raw)
        said = bytes(line[3])
        parties = self._said.get(said)
        if parties is None:
            parties = self._said[said] = _read_parties(said)
        correlation_id: str = line[11]
        if len(correlation_id) > MAX_CORRELATION_ID:
            correlation_id = correlation_id[:MAX_CORRELATION_ID]
        charged = bytes(line[13])
        stored = b"".join([bytes(line[12])[:-1], b",", charged, b",", line[14], b"]"])
        row = line[1:3] + line[4:11] + (correlation_id, stored, parties)
        return row, () if charged == b"[]" else decode_charges(charged)


def row_of(line: CallLine) -> Row:
    """As if it had been read from a journal."""
    return CallReader().read(encode_line(line))[0]


def read_line(raw: bytes) -> JournalLine:
    """Any line, whole; raises one of entry.UNREADABLE."""
    if raw.startswith((b'["call"', b'["hop"')):
        return line_of(CallReader().read(raw)[0], whole=True)
    return read_reservation(raw) if raw.startswith(b'["reserve"') else read_opening(raw)


def _read_parties(said: bytes) -> Parties:
    parties: tuple[str, str, str, str, str, str, str] = decode_parties(said)
    org_id, scope, principal_id, principal_name, service_id, service, kind = parties
    return Parties((org_id, scope, principal_id, principal_name, service_id, service[:MAX_SERVICE_NAME], kind))
