"""Who breaks things: a seeded mix of faults, of the services and of what they stand on, at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from signal import SIGCONT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.local.kafka import silent_client
from deploy.local.postgres import until_answers
from services.chassis.db import connect
from services.chassis.envelope import to_headers
from services.chassis.outbox import envelope
from tests.fault import clocks
from tests.fault import stand as damages
from tests.fault.history import History
from tests.fault.proxy import Proxy
from tests.fault.stand import Stand, delete_topic, partitions_of

LONGEST_QUIET_SECONDS = 2.5
AWAY = (KafkaError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
INJECTED = 40  # events told again at once, by nobody's relay
PAUSES = (1.0, 5.0)
MISSING = (1.0, 4.0)
CUTS = (1.0, 6.0)
JUMPS = (2.0, 6.0)  # seconds for which a clock is wrong
HOUR = 3600

LONGEST = 3.0  # times the seconds asked for, on a machine too slow for enough of it

Act = Callable[["Nemesis"], Awaitable[object]]


class Nemesis:
    """One track for each deck of faults, all at once: so a service may die while the log is lost.

    A track goes on when what it broke runs again, after a quiet moment; whether it is ready by
    then is nobody's care before the end.
    """

    def __init__(self, stand: Stand, history: History, seed: int) -> None:
        self.stand, self.history = stand, history
        self.chance = random.Random(f"nemesis {seed}")
        self.records = Records(stand)

    async def run(
        self,
        *,
        seconds: float,
        decks: Sequence[Mapping[str, Act]],
        enough: Callable[[], bool] = lambda: True,
    ) -> None:
        """For so long, and then until it is enough; at most three times as long."""
        loop = asyncio.get_running_loop()
        begun = loop.time()

        def over() -> bool:
            passed = loop.time() - begun
            return passed > seconds and (enough() or passed > LONGEST * seconds)

        async with asyncio.TaskGroup() as tracks:
            tracks.create_task(asyncio.sleep(seconds))  # also when there is nothing to break
            for number, deck in enumerate(filter(None, decks)):
                chance = random.Random(f"{self.chance.random()} {number}")
                tracks.create_task(self.track(deck, chance, over))

    async def track(
        self, deck: Mapping[str, Act], chance: random.Random, over: Callable[[], bool]
    ) -> None:
        for name in shuffled(sorted(deck), chance):
            await asyncio.sleep(chance.uniform(0.1, LONGEST_QUIET_SECONDS))
            if over():
                return
            fault = self.history.fault(name)
            try:
                await deck[name](self)
            except AWAY:
                self.history.came_to_nothing(fault)  # another track has what it needed
            else:
                self.history.healed(fault)

    async def apart(self, act: Callable[..., object], *arguments: object) -> None:
        await asyncio.to_thread(act, *arguments)


def shuffled(names: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Every fault once in a random order, then all of them again in another."""
    while True:
        yield from chance.sample(names, len(names))


# --- Of a process --------------------------------------------------------------------------------


def killed(part: str, signal: int) -> Act:
    """It dies, or ends as it likes to, and is started again."""

    async def act(nemesis: Nemesis) -> None:
        stand, before = nemesis.stand, nemesis.stand.pid(part)
        stand.kill(part, signal)
        async with asyncio.timeout(60):
            while stand.pid(part) in (None, before):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    return act


def paused(part: str, shortest: float, longest: float) -> Act:
    """It stands still, its connections open, and goes on as if nothing had been."""

    async def act(nemesis: Nemesis) -> None:
        nemesis.stand.kill(part, SIGSTOP)
        try:
            await asyncio.sleep(nemesis.chance.uniform(shortest, longest))
        finally:
            nemesis.stand.kill(part, SIGCONT)

    return act


async def database_stops(nemesis: Nemesis) -> None:
    """Every connection is cut and nothing is flushed; over when it has recovered and answers."""
    await killed("postgres", SIGQUIT)(nemesis)
    await until_answers(nemesis.stand.postgres.dsn(), seconds=90)


async def rolling_restart(nemesis: Nemesis) -> None:
    for name in nemesis.stand.names:
        await killed(name, SIGTERM)(nemesis)
        await nemesis.apart(nemesis.stand.wait_for, name)


# --- Of the log ----------------------------------------------------------------------------------


class Records:
    """How many records Kafka has stored, whatever it has lost since."""

    def __init__(self, stand: Stand) -> None:
        self.stand, self.gone, self.injected = stand, 0, 0

    async def there(self) -> int:
        address = self.stand.kafka.address
        probe = AIOKafkaConsumer(bootstrap_servers=address)
        with silent_client():
            numbers = await partitions_of(address, self.stand.topics)
            partitions = [TopicPartition(t, n) for t in numbers for n in range(numbers[t])]
            await probe.start()
            try:
                return sum((await probe.end_offsets(partitions)).values())
            finally:
                # aiokafka may cancel its caller instead (STACK.md section 3).
                with suppress(asyncio.CancelledError):
                    await probe.stop()

    async def published(self) -> int:
        """By the relays alone."""
        return await self.there() + self.gone - self.injected


def loses(damage: Callable[[Stand], None]) -> Act:
    async def act(nemesis: Nemesis) -> None:
        records, before = nemesis.records, 0
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(10):
                before = await records.there()
        await nemesis.apart(nemesis.stand.kafka_loses, damage)
        records.gone += max(0, before - await records.there())

    return act


def broker(signal: int) -> Act:
    """The broker dies or ends, and comes back with all its records."""

    async def act(nemesis: Nemesis) -> None:
        await killed("kafka", signal)(nemesis)
        await nemesis.apart(nemesis.stand.until_kafka_is_ready)

    return act


async def topic_missing(nemesis: Nemesis) -> None:
    """A topic is gone, and a service that hears or fills it starts without it; then it is there."""
    stand, records = nemesis.stand, nemesis.records
    topic, begins = nemesis.chance.choice(stand.topics), nemesis.chance.choice(stand.names)
    async with asyncio.timeout(30):
        before = await records.there()
        await delete_topic(stand.kafka.address, topic)
    try:
        await killed(begins, SIGKILL)(nemesis)
        await asyncio.sleep(nemesis.chance.uniform(*MISSING))
    finally:
        await nemesis.apart(stand.until_kafka_is_ready)
        records.gone += max(0, before - await records.there())


async def partition_added(nemesis: Nemesis) -> None:
    topic = nemesis.chance.choice(nemesis.stand.topics)
    await nemesis.apart(nemesis.stand.add_partition, topic)


async def told_again(nemesis: Nemesis) -> None:
    """Old and new events of one service, published or not, come once more, in no order."""
    name = nemesis.chance.choice(nemesis.stand.names)
    async with asyncio.timeout(10):
        conn = await connect(nemesis.stand.dsn(name))
        try:
            late = await conn.fetch(
                """
                SELECT event_id, event_type, stream_id, sequence, occurred_at, body, headers
                  FROM event
                 ORDER BY position DESC
                 LIMIT 10 * $1
                """,
                INJECTED,
            )
        finally:
            await conn.close()
        rows = nemesis.chance.sample(late, min(INJECTED, len(late)))
        records = [
            (str(e.stream.stream_id).encode(), e.body, to_headers(e))
            for e in (envelope(row, name) for row in rows)
        ]
        await inject(nemesis, f"{name}.v1", records + records[::2])


async def garbage(nemesis: Nemesis) -> None:
    """Records that are none of our events, on a topic that we hear."""
    records = [(b"no key of ours", b"\x00\xff", [("ce_type", b"\xff")]), (b"", b"{}", [])]
    await inject(nemesis, nemesis.chance.choice(nemesis.stand.topics), records)


async def inject(
    nemesis: Nemesis, topic: str, records: Sequence[tuple[bytes, bytes, list[tuple[str, bytes]]]]
) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=nemesis.stand.kafka.address, request_timeout_ms=5_000
    )
    with silent_client():
        try:
            await producer.start()
            for key, value, headers in records:
                await producer.send_and_wait(topic, value, key=key, headers=headers)
                nemesis.records.injected += 1
        finally:
            await producer.stop()


# --- Of what lies between, and of clocks ---------------------------------------------------------


def slow(proxy: Proxy) -> None:
    proxy.delay_seconds = 0.03


FAR = ("postgres", "kafka")
WAYS: dict[str, Callable[[Proxy], object]] = {
    "reset": Proxy.reset,
    "cut off": Proxy.cut,
    "stalled": Proxy.stall,
    "slow": slow,
}


def on_the_way(to: str, act: Callable[[Proxy], object]) -> Act:
    """What happens to the connections of the stand's far service, for a while."""

    async def acted(nemesis: Nemesis) -> None:
        network = nemesis.stand.network
        if network is None:
            raise OSError("No service of this stand is far.")
        await nemesis.apart(network.do, to, act)
        try:
            await asyncio.sleep(nemesis.chance.uniform(*CUTS))
        finally:
            await nemesis.apart(network.do, to, Proxy.heal)

    return acted


def clock_moved(part: str, seconds: int) -> Act:
    """The machine clock of one process jumps, and after a while jumps back."""

    async def act(nemesis: Nemesis) -> None:
        nemesis.stand.move_clock(part, f"{seconds:+}s")
        try:
            await asyncio.sleep(clocks.SEEN_SECONDS + nemesis.chance.uniform(*JUMPS))
        finally:
            nemesis.stand.move_clock(part, clocks.RIGHT)

    return act


# --- Decks ---------------------------------------------------------------------------------------


def of_services(names: Sequence[str]) -> dict[str, Act]:
    deck: dict[str, Act] = {"rolling restart": rolling_restart}
    for name in names:
        deck[f"kill -9 {name}"] = killed(name, SIGKILL)
        deck[f"TERM {name}"] = killed(name, SIGTERM)
        deck[f"pause {name}"] = paused(name, *PAUSES)
    return deck


BESIDE: dict[str, Act] = {
    "postgres stops at once": database_stops,
    "kill -9 gateway": killed("gateway", SIGKILL),
    "told again, in no order": told_again,
    "told again, in no order, later": told_again,
    "garbage": garbage,
    "partition added": partition_added,
}
KAFKA: dict[str, Act] = {
    "kafka kill -9": broker(SIGKILL),
    "kafka TERM": broker(SIGTERM),
    "kafka pause": paused("kafka", 2.0, 8.0),
    "log wiped": loses(damages.wipe),
    "log cut": loses(damages.cut),
    "log grown again": loses(damages.empty),
    "offsets deleted": loses(damages.forget_offsets),
    "topic missing": topic_missing,
}
# On the way of one service, the stand's far one.
BETWEEN: dict[str, Act] = {
    f"{what} from {to}": on_the_way(to, act) for what, act in WAYS.items() for to in FAR
}
# Of what keeps no children waiting: business time is the clock of a service, and what falls due in
# an hour is due then.
CLOCKS: dict[str, Act] = {
    "clock of documentation an hour ahead": clock_moved("documentation", HOUR),
    "clock of documentation an hour behind": clock_moved("documentation", -HOUR),
    "clock of scheduling an hour behind": clock_moved("scheduling", -HOUR),
}
if not clocks.library():
    CLOCKS = {}
