from collections.abc import Iterator

import pytest

from tests.conftest import OpenDatabase
from tests.notifications.rig import Rig as Notifications
from tests.referral.conftest import desk, office, riverbend
from tests.simulators.rig import Simulator

__all__ = ["desk", "office", "riverbend"]  # a referral service with all its doors, and one hub


@pytest.fixture(scope="session")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator("hub", tmp_path_factory.mktemp("hubs")) as ehr:
        yield ehr


@pytest.fixture
async def rig_of_notifications(
    open_service_database: OpenDatabase, ehr: Simulator
) -> Notifications:
    return Notifications(await open_service_database("notifications"), ehr)
