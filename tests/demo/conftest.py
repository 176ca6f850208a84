"""Four databases with a story in them, for whoever compares them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from tests.conftest import OpenDatabase
from tests.demo.four import SERVICES, Four
from tests.postgres import Server


@pytest.fixture
async def four(open_service_database: OpenDatabase, server: Server) -> AsyncIterator[Four]:
    """Everything in transactions that are rolled back: nobody has to clean up."""
    async with AsyncExitStack() as stack:
        databases = {}
        for service in SERVICES:
            await open_service_database(service)
            connection = await asyncpg.connect(server.dsn(f"test_{service}"))
            stack.push_async_callback(connection.close)
            await connection.execute("BEGIN")
            databases[service] = connection
        four = Four(databases)
        await four.be_told_and_heard()
        yield four
