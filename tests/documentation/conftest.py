from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import OpenDatabase
from tests.documentation.rig import Rig
from tests.documentation.rig import rig as rig_of


@pytest.fixture
async def rig(open_service_database: OpenDatabase, tmp_path: Path) -> AsyncIterator[Rig]:
    """A documentation service on a fresh database."""
    async with rig_of(await open_service_database("documentation"), tmp_path) as running:
        yield running
