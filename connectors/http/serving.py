"""The server of the API: before it waits for answers that are being written, it ends those that only wait."""

import gc
import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from connectors.mailbox.bell import Bell

_NEW_OBJECTS: Final = 50_000


class ApiServer(uvicorn.Server):
    """uvicorn for an app of `create_app`, in a process of its own."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own; what is there then stays, and is never again searched for garbage.

        What a batch holds is let go without a search, too: one is made only after many batches.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own; requests that wait at a mailbox are answered at once."""
        app = self.config.app
        if isinstance(app, FastAPI):
            bell: Bell = app.state.bell
            bell.close()
        await super().shutdown(sockets)
