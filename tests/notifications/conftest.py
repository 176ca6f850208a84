from collections.abc import Iterator

import pytest

from tests.conftest import OpenDatabase
from tests.notifications.rig import Rig
from tests.simulators.rig import Simulator


@pytest.fixture(scope="session")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Hubs' EHRs on a socket of their own; each test has hubs of its own names."""
    with Simulator("hub", tmp_path_factory.mktemp("hubs")) as ehr:
        yield ehr


@pytest.fixture
async def rig(open_service_database: OpenDatabase, ehr: Simulator) -> Rig:
    return Rig(await open_service_database("notifications"), ehr)
