from collections.abc import AsyncIterator

import pytest

from tests.conftest import OpenDatabase
from tests.referral.rig import Hub, Rig, rig_of


@pytest.fixture
async def rig(open_service_database: OpenDatabase) -> AsyncIterator[Rig]:
    """A referral service on a fresh database, with the payer of the samples."""
    async with rig_of(await open_service_database("referral")) as running:
        await running.payer()
        yield running


@pytest.fixture
async def hub(rig: Rig) -> Hub:
    return await rig.hub()
