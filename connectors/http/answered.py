"""How a request was answered, for middleware that looks at it from outside."""

from starlette.types import Message, Send


class Answered:
    """A `send` that remembers the answer's status; 0: none has begun."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
