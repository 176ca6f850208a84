from collections.abc import AsyncIterator

import pytest

from services.chassis.db import Pool
from tests.conftest import OpenDatabase
from tests.scheduling.builders import Child, make_mentor, register
from tests.scheduling.door import Door, open_door


@pytest.fixture
async def pool(open_service_database: OpenDatabase) -> Pool:
    return await open_service_database("scheduling")


@pytest.fixture
async def child(pool: Pool) -> Child:
    """A youth about whom nothing is known yet; one mentor is registered."""
    await register(pool, make_mentor(max_hours=60))
    return Child(pool)


@pytest.fixture
async def door(pool: Pool) -> AsyncIterator[Door]:
    async with open_door(pool) as opened:
        yield opened
