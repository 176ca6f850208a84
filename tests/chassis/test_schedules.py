"""Two thousand schedules of each story: whoever runs first at any `await`, the promise holds.

Each story is told again with one line of the mechanism taken out, and must then be seen to fail.
The database is `simulated`; hypothesis asks PostgreSQL the same (test_*_model.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast
from uuid import UUID

import detangle
import pytest

from services.chassis import catch_up as catch_up_module
from services.chassis import db, inbox_store, loops, work
from services.chassis import relay as relay_module
from services.chassis.catch_up import CatchUp
from services.chassis.clock import SystemClock
from services.chassis.envelope import Envelope, Stream, handling
from services.chassis.inbox import Handlers, Inbox
from services.chassis.relay import Relay
from services.chassis.work import Call, Item, Worker
from tests.chassis.rig import STREAMS, Noted, noted
from tests.chassis.simulated import (
    Database,
    Session,
    add,
    append,
    cursors,
    explore,
    is_found,
    simulated,
    statement,
    transaction,
)

pytestmark = pytest.mark.long

LAST = 3
TWO = STREAMS[:2]
HISTORY = [noted(stream, n) for n in range(1, LAST + 1) for stream in TWO]

__all__ = ["simulated"]  # the fixture


class Consumer:
    """A replica; its handler writes a row, and fails while `poison` says so."""

    def __init__(self, database: Database, poison: set[tuple[Stream, int]]) -> None:
        self.database: Any = database
        handlers = Handlers({Noted.type: Noted})

        @handlers.on(Noted)
        async def note(conn: Any, event: Noted) -> None:
            envelope = handling.get()
            assert envelope
            await statement()
            if (envelope.stream, event.n) in poison:
                raise ValueError
            conn.effects.append((envelope.stream, event.n))

        self.inbox = Inbox("scheduling", handlers)

    async def receive(self, *batches: Sequence[Envelope]) -> None:
        for batch in batches:
            await self.inbox.receive(self.database, batch)


def each_once_and_in_order(database: Database) -> None:
    """What is committed, at any moment."""
    for stream in TWO:
        numbers = [n for told, n in database.effects if told == stream]
        assert numbers == list(range(1, len(numbers) + 1)), numbers


# --- Inbox ----------------------------------------------------------------------------------------


async def two_replicas_and_a_clock() -> None:
    """The same records at two members of a group, a clock that retries, and one who is killed."""
    database = Database()
    poison = {(TWO[0], 2)} if detangle.flip() else set()
    one, other = Consumer(database, poison), Consumer(database, poison)
    database.check = lambda: each_once_and_in_order(database)
    shuffled = list(HISTORY)
    detangle.shuffle(shuffled)
    half = detangle.randint(1, len(HISTORY) - 1)

    async def clock() -> None:
        for _ in range(2):
            await one.inbox.retry_due(one.database)
            poison.clear()

    killed = detangle.spawn(other.receive(shuffled, HISTORY[::-1]))
    detangle.inject_cancellation(killed, points=30)
    acts = (one.receive(shuffled[:half], shuffled[half:]), clock())
    await asyncio.gather(*acts, killed, return_exceptions=True)

    await one.receive(HISTORY)  # whose offsets the one that was killed had not committed
    await one.inbox.retry_due(one.database)
    assert len(database.effects) == len(HISTORY)
    assert not [key for key in database.rows if key[0] == "waiting"]


def test_two_replicas_and_a_clock_apply_each_event_once_and_in_order(
    simulated: pytest.MonkeyPatch,
) -> None:
    explore(two_replicas_and_a_clock)


async def cursors_unlocked(
    conn: Session, consumer: str, streams: Sequence[Stream]
) -> dict[Stream, inbox_store.Cursor]:
    await statement()
    return {s: conn.get(("cursor", s)) or inbox_store.Cursor(0, None) for s in streams}


def test_a_cursor_that_is_read_without_its_lock_is_found_out(
    simulated: pytest.MonkeyPatch,
) -> None:
    simulated.setattr(inbox_store, "lock_cursors", cursors_unlocked)

    is_found(two_replicas_and_a_clock)


# --- Catch-up -------------------------------------------------------------------------------------


class Teller:
    """The producer's internal API. A position is given out before its event is committed."""

    def __init__(self) -> None:
        self.log: dict[int, Envelope] = {}
        self.positions = 0

    async def append(self, event: Envelope, *, seconds: float) -> None:
        self.positions += 1
        position = self.positions
        await asyncio.sleep(seconds)
        self.log[position] = event

    async def heads(self, since: int) -> tuple[int, dict[UUID, int]]:
        await statement()
        found: dict[UUID, int] = {}
        changed = {event.stream for position, event in self.log.items() if position > since}
        for event in self.log.values():
            if event.stream in changed:
                found[event.stream.stream_id] = event.sequence
        bound = max(self.log, default=0)
        await statement()
        return bound, found

    async def events(self, after: Mapping[Stream, int]) -> Sequence[Envelope]:
        await statement()
        events = [e for e in self.log.values() if e.sequence > after.get(e.stream, e.sequence)]
        return sorted(events, key=lambda event: event.sequence)


async def a_kafka_that_loses() -> None:
    """Some records come, some never; transactions of the producer last as long as they may."""
    database, teller = Database(), Teller()
    consumer = Consumer(database, set())
    clock = asyncio.get_running_loop().time
    catch_up = CatchUp(consumer.database, consumer.inbox, "referral", teller, clock=clock)
    database.check = lambda: each_once_and_in_order(database)

    async def tell(stream: Stream) -> None:
        for n in (1, 2):
            await asyncio.sleep(detangle.randint(0, 4) * 5)
            event = noted(stream, n)
            await teller.append(event, seconds=detangle.randint(0, 5) * 5)
            if detangle.flip():
                await consumer.receive([event])

    async def follow() -> None:
        while len(database.effects) < 4 and clock() < 600:
            await catch_up.look()
            await catch_up.round()
            await asyncio.sleep(10)
            await catch_up.round()
            await asyncio.sleep(10)

    await asyncio.gather(follow(), *(tell(stream) for stream in TWO))

    assert len(database.effects) == 4
    assert not [row for row in database.rows.values() if getattr(row, "frozen", None)]


def test_what_kafka_lost_is_fetched_and_no_stream_is_frozen_by_mistake(
    simulated: pytest.MonkeyPatch,
) -> None:
    explore(a_kafka_that_loses)


def test_a_bound_that_open_transactions_may_pass_is_found_out(
    simulated: pytest.MonkeyPatch,
) -> None:
    simulated.setattr(catch_up_module, "SETTLED_SECONDS", 0.0)

    is_found(a_kafka_that_loses)


async def freeze_at_once(self: CatchUp, heads: Mapping[UUID, int], *, whole: bool) -> None:
    async with transaction(cast(Any, self.pool)) as conn:
        at = await cursors(conn, self.inbox.consumer, self.name, heads)
    ahead = [Stream(id_, self.name) for id_, number in at.items() if number > heads[id_]]
    async with transaction(cast(Any, self.pool)) as conn:
        await self.inbox.freeze(cast(Any, conn), ahead, "cursor-ahead")


def test_a_cursor_called_ahead_without_a_second_look_is_found_out(
    simulated: pytest.MonkeyPatch,
) -> None:
    simulated.setattr(CatchUp, "freeze_what_went_back", freeze_at_once)

    is_found(a_kafka_that_loses)


# --- Relay ----------------------------------------------------------------------------------------


class Wire:
    """Kafka: what was sent, in order; an answer may take its time, and may be no."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.check: Callable[[], None] = lambda: None

    async def open_producer(self) -> "Wire":
        await statement()
        return self

    async def send(
        self, topic: str, value: bytes, *, key: bytes, headers: list[tuple[str, bytes]]
    ) -> Awaitable[object]:
        await statement()
        self.told.append((key.decode(), int(dict(headers)["ce_sequence"])))
        self.check()
        answer = detangle.spawn(self.answer())
        answer.add_done_callback(lambda task: task.cancelled() or task.exception())  # if unheard
        return answer

    async def answer(self) -> None:
        await asyncio.sleep(detangle.randint(0, 2) * 0.01)
        if detangle.flip(0.1):
            raise TimeoutError

    async def stop(self) -> None:
        await statement()


async def two_relays_of_which_one_is_killed() -> None:
    database, wire = Database(), Wire()

    async def write(stream: Stream) -> None:
        for n in range(1, LAST + 1):
            async with transaction(database) as conn:
                await append(conn, stream, noted(stream, n))
                await asyncio.sleep(detangle.randint(0, 2) * 0.01)

    async def relay() -> None:
        session: Any = Session(database)
        try:
            await Relay("referral.v1", wire.open_producer).run(session)
        finally:
            session.end()

    def what_is_told_is_in_order() -> None:
        for stream in TWO:
            numbers = [n for key, n in wire.told if key == str(stream.stream_id)]
            assert list(dict.fromkeys(numbers)) == list(range(1, len(set(numbers)) + 1)), numbers

    wire.check = what_is_told_is_in_order
    relays = [detangle.spawn(relay()), detangle.spawn(relay())]
    detangle.inject_cancellation(relays[0], points=40)
    await asyncio.gather(*(write(stream) for stream in TWO))
    async with asyncio.timeout(60):
        while any(not row["published"] for row in Session(database).like("event")):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    for one in relays:
        one.cancel()
    await asyncio.gather(*relays, return_exceptions=True)

    assert len(set(wire.told)) == LAST * len(TWO)


def test_two_relays_tell_whatever_commits_and_each_stream_in_order(
    simulated: pytest.MonkeyPatch,
) -> None:
    simulated.setattr(relay_module, "POLL_SECONDS", 1.0)
    simulated.setattr(relay_module, "BATCH", 2)

    explore(two_relays_of_which_one_is_killed)


def test_a_relay_that_reads_behind_its_last_position_is_found_out(
    simulated: pytest.MonkeyPatch,
) -> None:
    rows_of = relay_module.unpublished

    async def high_water(conn: Any, *, but: Sequence[int] = ()) -> list[Any]:
        found = [row for row in await rows_of(conn, but=but) if row["position"] > conn.rows_to]
        conn.rows_to = max((row["position"] for row in found), default=conn.rows_to)
        return found

    simulated.setattr(Session, "rows_to", 0, raising=False)
    simulated.setattr(relay_module, "unpublished", high_water)

    is_found(two_relays_of_which_one_is_killed)


# --- Work -----------------------------------------------------------------------------------------


async def two_instances_with_slow_calls() -> None:
    """Calls of two lanes, which fail, and outlast their lease; one instance is killed."""
    database = Database()
    added: dict[str, list[int]] = {"hub/1": [], "hub/2": []}

    async def tell(item: Item) -> Item:
        await asyncio.sleep(detangle.randint(0, 3) * 5)
        if detangle.flip(0.1):
            raise ConnectionError
        return item

    async def read(conn: Any, item: Item) -> Item:
        await statement()
        return item

    async def record(conn: Any, item: Item, answer: Item) -> None:
        await statement()
        assert answer.id == item.id
        conn.effects.append((item.payload["lane"], item.id))

    async def instance(name: str) -> None:
        worker = Worker(cast(Any, database), name)
        worker.calls["tell"] = Call(read, tell, record)
        await loops.calls(worker, SystemClock(), 2)

    def each_counts_once_and_each_lane_in_order() -> None:
        effects: list[Any] = database.effects
        for lane, ids in added.items():
            done = [id_ for name, id_ in effects if name == lane]
            assert done == ids[: len(done)], done

    database.check = each_counts_once_and_each_lane_in_order
    both = [detangle.spawn(instance(name)) for name in "ab"]
    detangle.inject_cancellation(both[0], points=40)
    for lane, ids in added.items():
        for _ in range(2):
            async with transaction(database) as conn:
                ids.append(await add(conn, "tell", lane))
    async with asyncio.timeout(900):
        while len(database.effects) < 4:  # noqa: ASYNC110
            await asyncio.sleep(5)
    for one in both:
        one.cancel()
    await asyncio.gather(*both, return_exceptions=True)


def test_two_instances_do_each_call_once_and_each_lane_in_order(
    simulated: pytest.MonkeyPatch,
) -> None:
    simulated.setattr(work, "LEASE_SECONDS", 8)  # shorter than a call: as if paused in it
    simulated.setattr(loops, "WORK_POLL_SECONDS", 2.0)

    explore(two_instances_with_slow_calls)


def test_an_answer_that_counts_though_its_lease_ran_out_is_found_out(
    simulated: pytest.MonkeyPatch,
) -> None:
    async def whoever_comes(conn: Any, item: Item) -> bool:
        await statement()
        await conn.lock(("work", item.id))
        conn.put(("work", item.id), replace(conn.get(("work", item.id)), done=True))
        return True

    simulated.setattr(work, "LEASE_SECONDS", 8)
    simulated.setattr(work, "finish", whoever_comes)

    is_found(two_instances_with_slow_calls)


# --- Wake-ups: with a poll that comes once an hour, nothing waits for it --------------------------


class ClearedLate(asyncio.Event):
    """Forgets what it was told while its owner looked: the classical lost wake-up."""

    def clear(self) -> None:
        pass

    async def wait(self) -> Literal[True]:
        super().clear()
        return await super().wait()


async def an_event_and_a_piece_of_work_at_any_moment() -> None:
    database, wire = Database(), Wire()
    worker = Worker(cast(Any, database))
    done = asyncio.get_running_loop().create_future()

    async def note(conn: Any, item: Item) -> None:
        await append(conn, TWO[0], noted(TWO[0], 1))
        conn.effects.append((item.payload["lane"], item.id))

    worker.inside["note"] = note
    relay = Relay("referral.v1", wire.open_producer)
    session: Any = Session(database)

    async def relay_() -> None:
        with db.on_commit(cast(Any, database), "event", relay.wake.set):
            await relay.run(session)

    async def write() -> None:
        await asyncio.sleep(detangle.randint(0, 1))
        async with transaction(database) as conn:
            await add(conn, "note", "hub/1")
        while not wire.told:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        done.set_result(None)

    parts = [relay_(), loops.work(worker, worker.run_inside, SystemClock())]
    running = [detangle.spawn(part) for part in parts]
    writer = detangle.spawn(write())
    async with asyncio.timeout(60):
        await done
    for one in (*running, writer):
        one.cancel()
    await asyncio.gather(*running, writer, return_exceptions=True)


@pytest.fixture
def hourly(simulated: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    simulated.setattr(relay_module, "POLL_SECONDS", 3600.0)
    simulated.setattr(relay_module, "IDLE_POLL_SECONDS", 3600.0)
    simulated.setattr(loops, "WORK_POLL_SECONDS", 3600.0)
    simulated.setattr(Wire, "answer", lambda _: statement())
    return simulated


def test_no_wake_up_is_lost(hourly: pytest.MonkeyPatch) -> None:
    explore(an_event_and_a_piece_of_work_at_any_moment)


def test_a_wake_up_that_is_forgotten_after_a_look_is_found_out(
    hourly: pytest.MonkeyPatch,
) -> None:
    hourly.setattr(asyncio, "Event", ClearedLate)

    is_found(an_event_and_a_piece_of_work_at_any_moment)
