"""Three Kafka nodes on loopback, each broker and controller: replication factor 3, two in sync."""

import contextlib
import re
import shutil
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from deploy.local.kafka import (
    Kafka,
    Topics,
    administering,
    create_topics,
    silent_client,
    until_ready,
)
from deploy.local.machine import free_ports
from deploy.local.part import Part, recorded, start
from tests.chassis.waiting import until
from tests.kafka import apart

NODES = (1, 2, 3)
NOBODY = -1  # leads a partition at this moment
REPLICATED = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


@dataclass(frozen=True)
class Node(Kafka):
    """One of the three; it knows the others by `voters`."""

    number: int = 1
    voters: str = ""

    def part(self) -> Part:
        return replace(super().part(), name=f"kafka-{self.number}")

    def said(self) -> str:
        """Of a cluster, in place of those of a node alone."""
        changes = {"node.id": str(self.number), "min.insync.replicas": "2"}
        changes |= {f"{topic}.replication.factor": "3" for topic in REPLICATED}
        changes |= {f"{topic}.min.isr": "2" for topic in REPLICATED[1:]}
        text = re.sub(r"controller\.quorum\.bootstrap\.servers=.*", "", super().said())
        for name, value in changes.items():
            text = re.sub(rf"^{re.escape(name)}=.*\n", "", text, flags=re.MULTILINE)
            text += f"{name}={value}\n"
        return f"{text}controller.quorum.voters={self.voters}\n"

    def format(self, *_: str) -> None:
        super().format()  # none of them stands alone


def nodes(folder: Path, ports: Sequence[int], controllers: Sequence[int]) -> dict[int, Node]:
    """Three nodes that know each other, each under a folder of its own."""
    voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in zip(NODES, controllers, strict=True))
    return {
        n: Node(folder / f"node-{n}", port, controller, n, voters)
        for n, port, controller in zip(NODES, ports, controllers, strict=True)
    }


def replicated() -> Topics:
    """Our topics as three brokers keep them: on two disks before they acknowledge."""
    wanted = Topics.read()
    settings = {**wanted.settings, "min.insync.replicas": "2"}
    return replace(wanted, replication_factor=len(NODES), settings=settings)


async def leader(address: str, topic: str, partition: int) -> int:
    """The number of the node that leads a partition, once one does."""

    found = NOBODY

    async def leads() -> bool:
        nonlocal found
        found = (await leaders(address, topic)).get(partition, NOBODY)
        return found != NOBODY

    await until(leads, True)
    return found


async def until_in_sync(address: str, *topics: str) -> None:
    """Every partition of these has all its replicas again."""
    await until(lambda: out_of_sync(address, topics), False)


async def leaders(address: str, topic: str) -> dict[int, int]:
    parts = [part for found in await described(address, [topic]) for part in found["partitions"]]
    return {int(part["partition"]): int(part["leader"]) for part in parts}


async def out_of_sync(address: str, topics: Sequence[str]) -> bool:
    found = await described(address, topics)
    parts = [part for topic in found for part in topic["partitions"]]
    return len(found) < len(topics) or any(len(part["isr"]) < len(NODES) for part in parts)


async def described(address: str, topics: Sequence[str]) -> list[dict[str, Any]]:
    """What is known of these topics; nothing while nobody can be asked."""
    with silent_client(), contextlib.suppress(KafkaError, OSError):
        async with administering(address) as admin:
            found: list[dict[str, Any]] = await admin.describe_topics(list(topics))
            return found
    return []


@dataclass
class Cluster:
    """Started when made; `kill` and `start` name a node."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="waypost-cluster-")))

    def __post_init__(self) -> None:
        ports = free_ports(2 * len(NODES))
        self.nodes = nodes(self.folder, ports[: len(NODES)], ports[len(NODES) :])
        for node in self.nodes.values():
            node.prepare()
        self.start(*NODES)
        # On all of them: what only one has is gone for good when its disk is replaced.
        apart(until_ready(self.address, seconds=180, replicas=len(NODES)))

    @property
    def address(self) -> str:
        return ",".join(node.address for node in self.nodes.values())

    def make_topics(self) -> None:
        apart(create_topics(self.address, replicated()))

    def record(self, number: int) -> Path:
        return self.folder / f"node-{number}.json"

    def start(self, *numbers: int) -> None:
        for number in numbers:
            part = self.nodes[number].part()
            start(part, log=self.folder / f"node-{number}.log", record=self.record(number))

    def kill(self, *numbers: int) -> None:
        for number in numbers:
            if running := recorded(self.record(number)):
                running.signal(signal.SIGKILL)

    def stop(self) -> None:
        self.kill(*NODES)
        shutil.rmtree(self.folder, ignore_errors=True)
