from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import OpenDatabase
from tests.referral.desk import Desk, Office, desk_at, enrol_payer, office_of
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


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A payer that knows the child of sample 01 as a member."""
    async with desk_at(tmp_path) as open_:
        await open_.teach()
        yield open_


@pytest.fixture
async def office(open_service_database: OpenDatabase, desk: Desk) -> AsyncIterator[Office]:
    """A referral service with all its doors, and MassHealth to ask."""
    async with office_of(await open_service_database("referral")) as running:
        await enrol_payer(running.pool, desk.url)
        yield running


@pytest.fixture
async def riverbend(office: Office) -> Hub:
    """The hub of the samples."""
    return await office.hub(name="Riverbend Family Services")
