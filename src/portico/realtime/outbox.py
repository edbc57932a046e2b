"""What waits while a socket's line is busy: bounded in frames and bytes, with the newest value of each value topic."""

from dataclasses import dataclass

from portico.realtime.packet import Packet


@dataclass(slots=True)
class _Waiting:
    """`replaces`: a newer value of the same topic takes this one's place."""

    topic: str | None
    packet: Packet
    replaces: bool


class Outbox:
    def __init__(self, max_frames: int, max_bytes: int) -> None:
        self._max_frames, self._max_bytes = max_frames, max_bytes
        self._waiting: list[_Waiting] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        return len(self._waiting) < self._max_frames and self._bytes < self._max_bytes

    def offer(self, topic: str, packet: Packet) -> bool:
        """False when there is no room: the client is too slow for this topic. One frame fits always, however large it is."""
        full = len(self._waiting) >= self._max_frames or self._bytes + len(packet) > self._max_bytes
        if full and self._waiting:
            return False
        self._put(_Waiting(topic, packet, False))
        return True

    def replace(self, topic: str, packet: Packet) -> None:
        """A value, of which only the newest matters."""
        for each in self._waiting:
            if each.topic == topic and each.replaces:
                self._bytes += len(packet) - len(each.packet)
                each.packet = packet
                return
        self._put(_Waiting(topic, packet, True))

    def say(self, packet: Packet) -> None:
        """A word about the socket itself; the caller sees to it that there are few."""
        self._put(_Waiting(None, packet, False))

    def drop(self, topic: str) -> None:
        self._waiting = [each for each in self._waiting if each.topic != topic]
        self._bytes = sum(len(each.packet) for each in self._waiting)

    def take(self) -> Packet:
        """The oldest; there must be one."""
        each = self._waiting.pop(0)
        self._bytes -= len(each.packet)
        return each.packet

    def _put(self, each: _Waiting) -> None:
        self._waiting.append(each)
        self._bytes += len(each.packet)
