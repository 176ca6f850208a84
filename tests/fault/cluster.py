"""Three Kafka nodes on loopback, each broker and controller: replication factor 3, two in sync."""

import asyncio
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.kafka import CLUSTER, Kafka, Topics, create_topics, silent_client, until_ready
from deploy.local.machine import Missing, free_ports
from deploy.local.part import recorded, start
from tests.kafka import apart

NODES = (1, 2, 3)
REPLICATED = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


@dataclass(frozen=True)
class Node(Kafka):
    """One of the three; it knows the others by `voters`."""

    number: int = 1
    voters: str = ""

    def prepare(self) -> None:
        """Write the settings of a cluster over those of a node alone, and format the disk."""
        fresh = not (self.data / "meta.properties").exists()
        if fresh:
            super().prepare()  # writes the settings; what it formats is a cluster of one
            self.wipe()
        text = self.settings.read_text()
        changes = {"node.id": str(self.number), "min.insync.replicas": "2"}
        changes |= {f"{topic}.replication.factor": "3" for topic in REPLICATED}
        changes |= {f"{topic}.min.isr": "2" for topic in REPLICATED[1:]}
        text = re.sub(r"controller\.quorum\.bootstrap\.servers=.*", "", text)
        for name, value in changes.items():
            text = re.sub(rf"^{re.escape(name)}=.*\n", "", text, flags=re.MULTILINE)
            text += f"{name}={value}\n"
        self.settings.write_text(text + f"controller.quorum.voters={self.voters}\n")
        if fresh:
            self.format()

    def format(self) -> None:
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self.settings)]
        java = self.java("-Xmx128m", "-XX:TieredStopAtLevel=1")
        done = subprocess.run([*java, *tool], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"Kafka cannot format {self.data}: {done.stderr.strip()[-500:]}")


@dataclass
class Cluster:
    """Started when made; `kill` and `start` name a node."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="waypost-cluster-")))

    def __post_init__(self) -> None:
        ports = free_ports(2 * len(NODES))
        controllers = ports[len(NODES) :]
        voters = ",".join(
            f"{n}@127.0.0.1:{port}" for n, port in zip(NODES, controllers, strict=True)
        )
        self.nodes = {
            n: Node(self.folder / f"node-{n}", port, controller, n, voters)
            for n, port, controller in zip(NODES, ports, controllers, strict=False)
        }
        for node in self.nodes.values():
            node.prepare()
        self.start(*NODES)
        apart(until_ready(self.address))

    @property
    def address(self) -> str:
        return ",".join(node.address for node in self.nodes.values())

    def make_topics(self) -> None:
        wanted = Topics.read()
        settings = {**wanted.settings, "min.insync.replicas": "2"}
        wanted = replace(wanted, replication_factor=len(NODES), settings=settings)
        apart(create_topics(self.address, wanted))

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

    async def leader(self, topic: str, partition: int) -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        with silent_client():
            await admin.start()
            try:
                (found,) = await admin.describe_topics([topic])
            finally:
                await admin.close()
        leaders = {one["partition"]: one["leader"] for one in found["partitions"]}
        return int(leaders[partition])

    async def until_in_sync(self, topic: str) -> None:
        """Every partition has all its replicas again."""
        async with asyncio.timeout(120):
            while await self.out_of_sync(topic):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def out_of_sync(self, topic: str) -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        with silent_client():
            await admin.start()
            try:
                (found,) = await admin.describe_topics([topic])
            finally:
                await admin.close()
        return any(len(one["isr"]) < len(NODES) for one in found["partitions"])
