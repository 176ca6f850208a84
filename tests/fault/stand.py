"""What the harness breaks: the whole stack of `make up`, its four services with the light load.

`Bare` is the same machinery with two services that do nothing else, for what must be quick.
`three.py` has the same stack on three brokers.
"""

import asyncio
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from signal import SIGCONT, SIGKILL

import asyncpg
from aiokafka.admin import NewPartitions

from deploy.local.kafka import Kafka, administering, silent_client
from deploy.local.machine import free_ports, wait_until
from deploy.local.part import Part, write
from deploy.local.postgres import Postgres, make_database, until_answers
from deploy.local.stack import READY_SECONDS, SERVICES, Addresses, Stack
from services.chassis.migrate import migrate
from tests.fault import clocks
from tests.fault.light import HEARS, TABLES
from tests.fault.network import Network, TwoDoors

GONE_SECONDS = 30
FAR_PORTS = ("postgres-far", "kafka-far", "kafka-second")  # of the far service's network


class Stand(Stack):
    """A stack to break. Every part comes back by itself; Kafka with another disk if need be."""

    names: tuple[str, ...] = SERVICES
    preferred_port = None
    light_only = False  # the light load and nothing else
    brokers: tuple[str, ...] = ("kafka",)  # parts

    def __init__(
        self, home: Path, *, weakness: str = "", simulators: bool = True, far: str = ""
    ) -> None:
        """`far` is the service that reaches PostgreSQL and Kafka through `network` alone."""
        super().__init__(home, simulators=simulators, clock="demo")
        self.weakness, self.far = weakness, far
        self.traces = "none"  # a trace page would be one more process, and nobody reads it here
        self.network: Network | None = None

    def up(self) -> Addresses:
        addresses = super().up()
        for part in self.everything():
            self.move_clock(part.name, clocks.RIGHT)
        return addresses

    def down(self) -> None:
        super().down()
        if self.network:
            self.network.close()
            self.network = None

    def choose_ports(self) -> None:
        super().choose_ports()
        if self.far and not self.network:
            ports = self.ports() | dict(zip(FAR_PORTS, free_ports(3), strict=True))
            write(self.home / "ports.json", json.dumps(ports, indent=1))
            self.network = Network(
                {
                    "postgres": (ports["postgres-far"], ports["postgres"]),
                    "kafka": (ports["kafka-far"], ports["kafka-second"]),
                }
            )

    @property
    def kafka(self) -> Kafka:
        if not self.far:
            return super().kafka
        ports = map(self.port, ("kafka", "controller", "kafka-second", "kafka-far"))
        return TwoDoors(self.home / "kafka", *ports)

    @property
    def listeners(self) -> list[tuple[str, str]]:
        """Every pair of a consumer and a producer that it hears."""
        return [(c, p) for c in self.names for p in HEARS[c] if p in self.names]

    @property
    def topics(self) -> list[str]:
        return [f"{name}.v1" for name in self.names]

    def infrastructure(self) -> list[Part]:
        postgres, *others = super().infrastructure()
        return [self.with_clock(postgres), *others]

    def service(self, name: str) -> Part:
        part = super().service(name)
        command = [part.command[0], "-m", "tests.fault.process", name]
        command += ["alone"] if self.light_only else []
        env = part.env | {"WEAKNESS": self.weakness}
        env |= self.detour(name) if self.far == name else {}
        return self.with_clock(replace(part, command=command, env=env))

    def detour(self, name: str) -> dict[str, str]:
        far = self.port("postgres-far")
        return {
            "WAYPOST_DATABASE_DSN": re.sub(r":\d+/", f":{far}/", self.dsn(name)),
            "WAYPOST_KAFKA_SERVERS": f"127.0.0.1:{self.port('kafka-far')}",
        }

    def with_clock(self, part: Part) -> Part:
        return clocks.movable(part, self.clock_of(part.name))

    def clock_of(self, part: str) -> Path:
        """Where this part's machine clock is moved; PostgreSQL has an account of its own."""
        return (self.postgres.home if part == "postgres" else self.home) / f"{part}.moved"

    def move_clock(self, part: str, by: str) -> None:
        clocks.move(self.clock_of(part), by)

    async def make_databases(self) -> None:
        superuser = self.postgres.dsn()
        await until_answers(superuser, seconds=READY_SECONDS)
        for name in self.names:
            await make_database(superuser, f"waypost_{name}", self.secret(f"database-{name}"))
            await migrate(name, self.dsn(name))
            conn = await asyncpg.connect(self.dsn(name))
            try:
                for table in TABLES:
                    await conn.execute(table)
            finally:
                await conn.close()

    def change(self, weakness: str) -> None:
        """Let the services begin again with another weakness, or with none."""
        if weakness == self.weakness:
            return
        self.weakness = weakness
        before = {name: self.pid(name) for name in self.names}
        self.folder.plan(self.everything())
        for name in self.names:
            wait_until(lambda n=name: self.pid(n) not in (None, before[n]), 60, f"{name} stayed")  # type: ignore[misc]
            self.wait_for(name)

    def said(self) -> list[Path]:
        """Where nothing of a child may stand: every log, and every segment of Kafka."""
        logs = [*self.folder.log.iterdir(), self.home / "gateway/access.log"]
        # Not rglob, which fails where Kafka removes a folder meanwhile.
        walked = [(Path(at), names) for disk in self.disks for at, _, names in os.walk(disk)]
        return [
            *logs,
            *(at / name for at, names in walked for name in names if name[-4:] == ".log"),
        ]

    # --- What can happen to Kafka ----------------------------------------------------------------

    @property
    def disks(self) -> list[Path]:
        """Where the brokers keep a folder <topic>-<partition> of segments each."""
        return [self.kafka.data]

    def kafka_loses(self, damage: Callable[["Stand"], None], *brokers: str) -> None:
        """Kill these brokers or all, let `damage` happen, start them; returns when ready."""
        for broker in brokers or self.brokers:
            self.folder.held(broker).touch()
            self.kill(broker, SIGKILL)
        for broker in brokers or self.brokers:
            wait_until(lambda b=broker: self.pid(b) is None, GONE_SECONDS, "Kafka stayed")  # type: ignore[misc]
        damage(self)
        for broker in brokers or self.brokers:
            self.folder.held(broker).unlink(missing_ok=True)
        for broker in brokers or self.brokers:
            self.wait_for(broker)
        self.until_kafka_is_ready()

    def until_kafka_is_ready(self) -> None:
        asyncio.run(self.make_topics())

    def add_partition(self, topic: str) -> None:
        asyncio.run(add_partition(self.kafka.address, topic))

    def heal(self) -> None:
        """End whatever holds a part down or still; returns when everything can work."""
        if self.network:
            self.network.heal()
        for part in self.everything():
            self.move_clock(part.name, clocks.RIGHT)
            self.kill(part.name, SIGCONT)
            self.folder.held(part.name).unlink(missing_ok=True)
        self.wait_for_everything()
        self.until_kafka_is_ready()


class Bare(Stand):
    """A producer, a consumer, PostgreSQL and Kafka."""

    names: tuple[str, ...] = ("referral", "scheduling")
    light_only = True

    def __init__(self, home: Path, *, weakness: str = "") -> None:
        super().__init__(home, weakness=weakness, simulators=False)

    def everything(self) -> list[Part]:
        return [*self.infrastructure(), *map(self.service, self.names)]

    @property
    def listeners(self) -> list[tuple[str, str]]:
        return [("scheduling", "referral")]


class Lone(Bare):
    """One service and its PostgreSQL; no Kafka, which it does not need to answer."""

    names = ("referral",)
    settings: Mapping[str, str] = {}  # of PostgreSQL

    @property
    def postgres(self) -> Postgres:
        return replace(super().postgres, settings=dict(self.settings))

    @property
    def listeners(self) -> list[tuple[str, str]]:
        return []

    def infrastructure(self) -> list[Part]:
        return [self.postgres.part()]

    async def make_topics(self) -> None:
        """There is nowhere to make them."""


# --- Damages -------------------------------------------------------------------------------------


def wipe(stand: Stand) -> None:
    """The disk is replaced: records, topics and committed offsets are gone."""
    stand.kafka.wipe()
    stand.kafka.prepare()


def cut(stand: Stand) -> None:
    """Every topic's segments end in the middle; committed offsets stay."""
    for topic in stand.topics:
        for disk in stand.disks:
            for segment in disk.glob(f"{topic}-*/*.log"):
                with segment.open("r+b") as file:
                    file.truncate(segment.stat().st_size // 2)


def empty(stand: Stand) -> None:
    """Every topic begins at 0 again and grows past what is committed; offsets stay."""
    for topic in stand.topics:
        remove_segments(stand, topic)


def forget_offsets(stand: Stand) -> None:
    """Nobody knows any more how far a consumer had come: all of it comes again."""
    remove_segments(stand, "__consumer_offsets")


def remove_segments(stand: Stand, topic: str) -> None:
    for disk in stand.disks:
        for file in disk.glob(f"{topic}-*/*"):
            if file.name != "partition.metadata":
                file.unlink()


async def add_partition(address: str, topic: str) -> None:
    number = (await partitions_of(address, [topic]))[topic]
    with silent_client():
        async with administering(address) as admin:
            await admin.create_partitions({topic: NewPartitions(total_count=number + 1)})


async def delete_topic(address: str, topic: str) -> None:
    with silent_client():
        async with administering(address) as admin:
            await admin.delete_topics([topic])


async def partitions_of(address: str, topics: list[str]) -> dict[str, int]:
    """How many partitions each topic has now."""
    with silent_client():
        async with administering(address) as admin:
            found = await admin.describe_topics(topics)
    return {topic["topic"]: len(topic["partitions"]) for topic in found}
