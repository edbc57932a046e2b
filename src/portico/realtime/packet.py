"""One frame for many sockets: its bytes on the wire are made once, plain and compressed, and are the same for all."""

import zlib

from websockets.frames import Frame, Opcode

# Below this, compressing costs more time than the bytes saved are worth.
COMPRESS_ABOVE_BYTES = 10 * 1024
_LEVEL = 5


class Packet:
    __slots__ = ("_packed", "_plain", "content")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._plain: bytes | None = None
        self._packed: bytes | None = None

    def __len__(self) -> int:
        return len(self.content)

    def frame(self, *, deflated: bool) -> bytes:
        """A whole WebSocket frame: text, or for a client that reads it a binary one with the same text in raw deflate."""
        if deflated and len(self.content) > COMPRESS_ABOVE_BYTES:
            if self._packed is None:
                self._packed = Frame(Opcode.BINARY, deflate(self.content)).serialize(mask=False)
            return self._packed
        if self._plain is None:
            self._plain = Frame(Opcode.TEXT, self.content).serialize(mask=False)
        return self._plain


def deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()
