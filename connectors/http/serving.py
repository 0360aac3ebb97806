"""The server of the API: before it waits for answers that are being written, it ends those that only wait."""

import socket

import uvicorn
from fastapi import FastAPI

from connectors.mailbox.bell import Bell


class ApiServer(uvicorn.Server):
    """uvicorn for an app of `create_app`."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own; requests that wait at a mailbox are answered at once."""
        app = self.config.app
        if isinstance(app, FastAPI):
            bell: Bell = app.state.bell
            bell.close()
        await super().shutdown(sockets)
