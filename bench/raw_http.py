"""HTTP/1.1 on a bare socket: cheap enough to load a server from the machine that runs it, and able to send
what no client library would."""

import asyncio
import re
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


def post(path: str, body: bytes, *headers: tuple[str, str] | tuple[bytes, bytes]) -> bytes:
    """A whole request, its headers as they are given."""
    lines = [f"POST {path} HTTP/1.1".encode("latin-1"), b"host: 127.0.0.1", b"content-length: %d" % len(body)]
    lines += [_raw(name) + b": " + _raw(value) for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class Wire:
    """One connection that is kept open, and opened anew where the server has closed it."""

    port: int
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None)

    async def exchange(self, request: bytes) -> int:
        """Send a request and read its whole answer; the status. Raises OSError or IncompleteReadError."""
        if self._streams is None or self._streams[0].at_eof():
            await self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 1"):
            head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
        if _CLOSING.search(head):
            await self.close()
        return int(head[9:12])

    async def close(self) -> None:
        """Close what is open."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
