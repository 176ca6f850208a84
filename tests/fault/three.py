"""The same stack on three brokers: what Kafka acknowledges is on two disks, and any one may die."""

from asyncio import gather
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM

from deploy.local.kafka import Kafka, create_topics, until_ready
from deploy.local.part import Part
from deploy.local.stack import READY_SECONDS
from tests.fault.cluster import NODES, Node, leader, nodes, replicated, until_in_sync
from tests.fault.nemesis import KAFKA, Act, Nemesis, killed, paused
from tests.fault.stand import Stand

BROKERS = tuple(f"kafka-{n}" for n in NODES)
CONTROLLERS = tuple(f"controller-{n}" for n in NODES)
OFFSETS = "__consumer_offsets"


@dataclass(frozen=True)
class Three(Kafka):
    """Three nodes as one: `address` names all of them."""

    nodes: tuple[Node, ...] = ()

    @property
    def address(self) -> str:
        return ",".join(node.address for node in self.nodes)

    def prepare(self) -> None:
        for node in self.nodes:
            node.prepare()

    def wipe(self) -> None:
        for node in self.nodes:
            node.wipe()


class ThreeBrokers(Stand):
    """Replication factor 3, two in sync; no service is far, so that no proxy stands between."""

    brokers = BROKERS

    @property
    def kafka(self) -> Three:
        ports, controllers = (tuple(map(self.port, names)) for names in (BROKERS, CONTROLLERS))
        home = self.home / "kafka"
        made = nodes(home, ports, controllers)
        return Three(home, ports[0], controllers[0], tuple(made.values()))

    @property
    def disks(self) -> list[Path]:
        return [node.data for node in self.kafka.nodes]

    def port_names(self) -> list[str]:
        alone = {"kafka", "controller"}
        others = [name for name in super().port_names() if name not in alone]
        return [*others, *BROKERS, *CONTROLLERS]

    def infrastructure(self) -> list[Part]:
        postgres, _, *others = super().infrastructure()
        return [postgres, *(node.part() for node in self.kafka.nodes), *others]

    async def make_topics(self) -> None:
        address = self.kafka.address
        await until_ready(address, seconds=READY_SECONDS, replicas=len(NODES))
        await create_topics(address, replicated())
        await until_in_sync(address, *self.topics, OFFSETS)


# --- What can happen to them ---------------------------------------------------------------------


async def leads(nemesis: Nemesis) -> str:
    """The broker that leads some partition of ours."""
    topic = nemesis.chance.choice(nemesis.stand.topics)
    return f"kafka-{await leader(nemesis.stand.kafka.address, topic, 0)}"


async def settled(nemesis: Nemesis) -> None:
    await nemesis.apart(nemesis.stand.until_kafka_is_ready)


async def leader_dies(nemesis: Nemesis) -> None:
    await killed(await leads(nemesis), SIGKILL)(nemesis)
    await settled(nemesis)


async def follower_dies(nemesis: Nemesis) -> None:
    head = await leads(nemesis)
    follower = nemesis.chance.choice([name for name in BROKERS if name != head])
    await killed(follower, SIGKILL)(nemesis)
    await settled(nemesis)


async def two_die(nemesis: Nemesis) -> None:
    """More than may: nothing is acknowledged until one is back."""
    head = await leads(nemesis)
    other = nemesis.chance.choice([name for name in BROKERS if name != head])
    await gather(*(killed(name, SIGKILL)(nemesis) for name in (head, other)))
    await settled(nemesis)


async def one_ends(nemesis: Nemesis) -> None:
    await killed(nemesis.chance.choice(BROKERS), SIGTERM)(nemesis)
    await settled(nemesis)


async def one_pauses(nemesis: Nemesis) -> None:
    await paused(nemesis.chance.choice(BROKERS), 2.0, 8.0)(nemesis)
    await settled(nemesis)


async def disk_replaced(nemesis: Nemesis) -> None:
    """One comes back empty, and has all of it again from the two others."""
    number = nemesis.chance.choice(NODES)

    def replace(stand: Stand) -> None:
        assert isinstance(stand, ThreeBrokers)
        (node,) = (one for one in stand.kafka.nodes if one.number == number)
        node.wipe()
        node.prepare()

    stand = nemesis.stand
    await nemesis.apart(stand.kafka_loses, replace, f"kafka-{number}")


THREE: dict[str, Act] = {
    "leader kill -9": leader_dies,
    "follower kill -9": follower_dies,
    "two brokers kill -9": two_die,
    "broker TERM": one_ends,
    "broker pause": one_pauses,
    "disk of one replaced": disk_replaced,
    **{f"of all: {name}": KAFKA[name] for name in ("log wiped", "log cut", "log grown again")},
    **{name: KAFKA[name] for name in ("offsets deleted", "topic missing")},
}
