"""Random histories of due work: whoever is killed, slow or refused, each piece counts once, and
the pieces of a lane in the order in which they were added, also those done along with another.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from services.chassis import lanes, work
from services.chassis.db import Connection, Pool, transaction
from services.chassis.work import Call, Item, Worker, nothing_more
from tests.chassis.machines import Machine, play
from tests.chassis.rig import NOW
from tests.postgres import Server

INSTANCES = ("a", "b")
LANES = (None, "hub/1")
ANY = UUID(int=0)
EFFECT = "INSERT INTO effect (stream_id, producer, sequence) VALUES ($1, $2, $3)"

which_instance = st.sampled_from(INSTANCES)
which_kind = st.sampled_from(["note", "tell", "tell"])


@dataclass
class InHand:
    """A call on the network, which the history ends when it likes; then perhaps the next."""

    answer: "asyncio.Future[str]"
    asked: asyncio.Event
    task: "asyncio.Task[None] | None" = None


this: ContextVar[InHand] = ContextVar("this")  # of the task that calls


class WorkMachine(Machine):
    """Two instances of a service; a row is an effect inside, or a call to a partner."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.workers = {name: self.worker(name) for name in INSTANCES}
        self.in_hand: dict[str, list[InHand]] = {name: [] for name in INSTANCES}
        self.added: list[tuple[int, str | None]] = []
        self.late: list[int] = []
        self.most_along = 0
        self.along: dict[int, list[int]] = {}  # what goes with a row, fixed when it is first read

    def worker(self, name: str) -> Worker:
        worker = Worker(self.pool, name)
        worker.inside["note"] = self.note
        worker.calls["tell"] = Call(self.facts, self.tell, self.record)
        return worker

    # --- What the rows do ------------------------------------------------------------------------

    async def note(self, conn: Connection, item: Item) -> None:
        await conn.execute(EFFECT, ANY, item.payload["lane"] or "", item.payload["number"])
        if self.fails:
            raise ValueError

    async def facts(self, conn: Connection, item: Item) -> Mapping[str, Any]:
        behind = await lanes.list_behind(conn, item, now=NOW, most=self.most_along)
        self.along.setdefault(item.id, [one.payload["number"] for one in behind])
        return item.payload

    async def tell(self, _: object) -> str:
        this.get().answer = asyncio.get_running_loop().create_future()
        this.get().asked.set()
        return await this.get().answer

    async def record(self, conn: Connection, item: Item, answer: str) -> None:
        attempts = await conn.fetchval("SELECT attempts FROM work WHERE id = $1", item.id)
        if attempts != item.attempts:  # another has it in hand by now: its answer is to count
            self.late.append(item.id)
        along = self.along[item.id]
        for id_ in (item.payload["number"], *along):
            await conn.execute(EFFECT, ANY, item.payload["lane"] or "", id_)
        await lanes.finish_behind(conn, item, "number", list(map(str, along)))

    # --- What happens ----------------------------------------------------------------------------

    @rule(kinds=st.lists(which_kind, min_size=1, max_size=3), lane=st.sampled_from(LANES))
    def add(self, kinds: list[str], lane: str | None) -> None:
        for kind in kinds:
            self.run(self.add_(kind, lane))

    async def add_(self, kind: str, lane: str | None) -> None:
        number = len(self.added) + 1
        async with transaction(self.pool) as conn:
            told = {"lane": lane, "number": number}
            await work.add(conn, kind, told, due_at=NOW, lane=lane)
        self.added.append((number, lane))

    @rule(by=which_instance, fails=st.booleans())
    def do(self, by: str, fails: bool) -> None:
        self.fails = fails
        self.run(self.workers[by].run_inside(NOW))

    @rule(by=which_instance, goes_on=st.booleans(), along=st.sampled_from([0, 1, 3]))
    def begin_call(self, by: str, goes_on: bool, along: int) -> None:
        self.most_along = along
        self.run(self.begin_call_(by, goes_on))

    async def begin_call_(self, by: str, goes_on: bool) -> None:
        worker = self.workers[by]
        if item := await worker.claim_call(NOW):
            one = InHand(asyncio.get_running_loop().create_future(), asyncio.Event())
            this.set(one)
            more = (lambda: NOW) if goes_on else nothing_more
            one.task = asyncio.create_task(worker.run_lane(item, more))
            await one.asked.wait()
            self.in_hand[by].append(one)

    @precondition(lambda self: any(self.in_hand.values()))
    @rule(well=st.sampled_from([True, True, False]), which=st.integers(0, 9))
    def end_call(self, well: bool, which: int) -> None:
        calls = [(one, by) for by in INSTANCES for one in self.in_hand[by]]
        one, by = calls[which % len(calls)]
        if self.run(self.ends(one, well)):
            self.in_hand[by].remove(one)

    async def ends(self, one: InHand, well: bool) -> bool:
        """True when the task has ended, too, and not gone on with its lane."""
        assert one.task
        one.asked.clear()
        if well:
            one.answer.set_result("yes")
        else:
            one.answer.set_exception(ConnectionError())
        asked = asyncio.create_task(one.asked.wait())
        await asyncio.wait([one.task, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if one.task.done():
            await one.task
        return one.task.done()

    @rule(by=which_instance)
    def kill(self, by: str) -> None:
        """The process dies with its calls in hand, and its successor takes back what it had."""
        self.run(self.kill_(by))

    async def kill_(self, by: str) -> None:
        for one in self.in_hand[by]:
            assert one.task
            one.task.cancel()
            with suppress(asyncio.CancelledError):
                await one.task
        self.in_hand[by] = []
        self.workers[by] = self.worker(by)
        await self.workers[by].take_back()

    @rule()
    def time_passes(self) -> None:
        """Every lease and every pause is over."""
        self.run(self.pool.execute("UPDATE work SET lease_until = now() - interval '1 second'"))

    @rule()
    def a_mark_is_missed(self) -> None:
        """As when a row is added while that before it ends: it is not noted as behind."""
        self.run(self.pool.execute("UPDATE work SET behind = false WHERE outcome IS NULL"))

    # --- What holds ------------------------------------------------------------------------------

    async def effects(self) -> list[tuple[str, int]]:
        rows = await self.pool.fetch("SELECT producer, sequence FROM effect ORDER BY position")
        return [(row["producer"], row["sequence"]) for row in rows]

    @invariant()
    def each_counts_once_and_each_lane_in_order(self) -> None:
        effects = self.run(self.effects())
        assert len(set(effects)) == len(effects)
        assert not self.late
        for lane in filter(None, LANES):
            done = [id_ for name, id_ in effects if name == lane]
            assert done == [id_ for id_, name in self.added if name == lane][: len(done)]

    def teardown(self) -> None:
        try:
            self.fails = False
            for name in INSTANCES:
                self.kill(name)
            self.run(self.drain())
            assert sorted(id_ for _, id_ in self.run(self.effects())) == [i for i, _ in self.added]
        finally:
            super().teardown()

    async def drain(self) -> None:
        async def yes(_: object) -> str:
            return "yes"

        worker = self.workers["a"]
        worker.calls["tell"] = Call(self.facts, yes, self.record)
        for _ in self.added:
            await self.pool.execute("UPDATE work SET lease_until = NULL WHERE outcome IS NULL")
            await worker.run_one(now=NOW)


def test_every_history_ends_with_all_done_once_and_in_order(pool: Pool, server: Server) -> None:
    play(WorkMachine, server.dsn("one"))
