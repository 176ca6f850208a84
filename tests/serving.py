"""An application on a real socket, in the loop of its test."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

# For clients on loopback, which need none: to read the usual ones takes longer than many a test.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Gives its base URL; it answers when this begins, and is gone when this ends.

    uvicorn's own `serve` looks ten times a second whether it should end, and then waits for a tenth
    of one: most of what many a test took.
    """
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        await server.startup(sockets=[listener])
        await server.on_tick(0)  # says what stands in the head of each answer
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for one in server.servers:
                one.close()
            state = server.server_state
            for connection in list(state.connections):
                connection.shutdown()
            for task in list(state.tasks):
                task.cancel()  # nobody waits for its answer any more
            while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn offers no event
                await asyncio.sleep(0.001)
            for one in server.servers:
                await one.wait_closed()
