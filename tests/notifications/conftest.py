from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.machine import free_ports
from tests.conftest import OpenDatabase
from tests.notifications.mailroom import Post, address
from tests.notifications.rig import Rig
from tests.simulators.rig import Simulator


@pytest.fixture(scope="session")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Hubs' EHRs on a socket of their own; each test has hubs of its own names."""
    with Simulator("hub", tmp_path_factory.mktemp("hubs")) as ehr:
        yield ehr


@pytest.fixture
async def rig(open_service_database: OpenDatabase, ehr: Simulator) -> AsyncIterator[Rig]:
    rig = Rig(await open_service_database("notifications"), ehr)
    yield rig
    await rig.hook.close()


@pytest.fixture(scope="session")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    [port], home = free_ports(1), tmp_path_factory.mktemp("mail")
    with Simulator("mail", home, "--smtp-port", str(port)) as simulator:
        yield Post(simulator, port)


@pytest.fixture
async def office(rig: Rig, mail_server: Post) -> Rig:
    """The service with a mail server and a coordinators' mailbox of its own."""
    mail_server.behave("normal")
    rig.settings.mail_server = f"127.0.0.1:{mail_server.smtp_port}"
    rig.settings.mail_coordinators = address("coordinators")
    rig.worker = rig.new_worker()
    return rig
