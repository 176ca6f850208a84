"""One real Apache Kafka node on loopback: its settings, its start, its topics."""

import asyncio
import contextlib
import logging
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError

from deploy.local.jars import kafka_jars
from deploy.local.machine import Missing, java
from deploy.local.part import Part

TOPICS = Path(__file__).parents[1] / "kafka/topics.yaml"
CLUSTER = "V2F5cG9pbnRXYXlwb2ludA"  # fixed, so that a wiped node comes back as the same cluster
PROBE = "local.ready"
TOPIC_EXISTS = 36
HEAP = ["-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
LOGGING = ["defaultLogLevel=warn", "showDateTime=true", "dateTimeFormat=HH:mm:ss.SSS"]
# Sessions of two seconds let a broker that was killed come back in three instead of thirteen
# seconds. One replica of everything and no waiting for a group's first members: one machine only.
SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
log.dirs={data}
auto.create.topics.enable=false
unclean.leader.election.enable=false
log.retention.ms=-1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=4194304
"""


@dataclass(frozen=True)
class Kafka:
    """A node under its own folder. Raises Missing where there is no Java or no jar."""

    home: Path
    port: int
    controller: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.home / "data"

    def prepare(self) -> None:
        """Write the settings and format the disk, unless it holds records already."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(self.said())
        if not (self.data / "meta.properties").exists():
            # A format that was interrupted leaves a folder that can be neither used nor formatted.
            self.wipe()
            self.format("--standalone")

    def said(self) -> str:
        """The text of its settings."""
        return SETTINGS.format(port=self.port, controller=self.controller, data=self.data)

    def format(self, *how: str) -> None:
        java = self.java("-Xmx128m", "-XX:TieredStopAtLevel=1")
        tool = ["kafka.tools.StorageTool", "format", *how, "-t", CLUSTER, "-c", str(self.settings)]
        done = subprocess.run([*java, *tool], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"Kafka cannot format {self.data}: {done.stderr.strip()[-500:]}")

    def wipe(self) -> None:
        """Lose every record, as a disk that is replaced does; `prepare` formats anew."""
        shutil.rmtree(self.data, ignore_errors=True)

    def part(self) -> Part:
        logging = [f"-Dorg.slf4j.simpleLogger.{setting}" for setting in LOGGING]
        command = [*self.java(*HEAP, *logging), "kafka.Kafka", str(self.settings)]
        return Part("kafka", command, cwd=str(self.home))

    def java(self, *options: str) -> list[str]:
        return [str(java()), *options, "-cp", f"{kafka_jars()}/*"]

    @property
    def settings(self) -> Path:
        return self.home / "server.properties"


@dataclass(frozen=True)
class Topics:
    """What deploy/kafka/topics.yaml says."""

    names: tuple[str, ...]
    partitions: int
    replication_factor: int
    settings: Mapping[str, str]

    @classmethod
    def read(cls, file: Path = TOPICS) -> "Topics":
        said: dict[str, Any] = yaml.safe_load(file.read_text())
        settings = {name: str(value).lower() for name, value in said["settings"].items()}
        return cls(tuple(said["topics"]), said["partitions"], said["replication_factor"], settings)


async def create_topics(address: str, topics: Topics) -> None:
    """Create the topics that are not there yet. KafkaError when one cannot be.

    Kafka's answer reports what went wrong and raises nothing, so it is read.
    """
    wanted = [
        NewTopic(
            name,
            topics.partitions,
            topics.replication_factor,
            topic_configs=dict(topics.settings),
        )
        for name in topics.names
    ]
    async with administering(address) as admin:
        answer = await admin.create_topics(wanted)
    for name, code, *text in answer.topic_errors:
        if code not in (0, TOPIC_EXISTS):
            raise KafkaError(f"The topic {name} cannot be created: error {code}, {text}")


@contextlib.asynccontextmanager
async def administering(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Who may change topics. KafkaError, too, while nobody is known to be in control.

    aiokafka makes an AttributeError of that: it asks the node that it knows is the controller.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    try:
        await admin.start()
        yield admin
    except AttributeError as error:
        raise KafkaConnectionError("No controller is known yet.") from error
    finally:
        await admin.close()


async def until_ready(address: str, *, seconds: float = 60, replicas: int = 1) -> None:
    """Wait until Kafka stores a record, on so many nodes, and lets a group join: an open port does
    neither.

    Raises TimeoutError.
    """
    probe = Topics((PROBE,), 1, replicas, {"retention.ms": "3600000"})
    with silent_client():
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await create_topics(address, probe)
                    await produce_and_join(address)
                except (KafkaError, OSError):
                    await asyncio.sleep(0.1)
                else:
                    return


@contextlib.contextmanager
def silent_client() -> Iterator[None]:
    """aiokafka comments on every attempt; here most of them are meant to fail."""
    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


async def produce_and_join(address: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", request_timeout_ms=5000)
    member = AIOKafkaConsumer(PROBE, bootstrap_servers=address, group_id=PROBE)
    async with contextlib.AsyncExitStack() as stack:
        for client in (producer, member):
            stack.push_async_callback(client.stop)
            await client.start()
        await producer.send_and_wait(PROBE, b"ready")
