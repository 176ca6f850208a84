"""Random histories of outbox and relay: whatever commits, fails, dies or is refused in between,
Kafka gets every committed event at least once, each stream in order, and nothing else.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from services.chassis import outbox, relay
from services.chassis.db import Connection, Pool
from services.chassis.envelope import Stream
from services.chassis.relay import Relay
from tests.chassis.fake_kafka import FakeKafka
from tests.chassis.machines import Machine, play
from tests.chassis.rig import NOW, STREAMS, Noted
from tests.postgres import Server

WRITERS = 2
which_stream = st.sampled_from(STREAMS[:2])
which_writer = st.integers(0, WRITERS - 1)


class Dies(Exception):
    """The process is killed here."""


class RelayMachine(Machine):
    """Writers with open transactions, and a relay of which every act may be its last."""

    def __init__(self) -> None:
        super().__init__()
        self.kafka = FakeKafka()
        self.relay = Relay("referral.v1", self.kafka.open_producer)
        self.open: dict[int, tuple[AsyncExitStack, Connection, list[Stream]]] = {}
        self.committed: dict[UUID, int] = defaultdict(int)

    # --- Writers ---------------------------------------------------------------------------------

    @rule(writer=which_writer, stream=which_stream, number=st.integers(1, 3))
    def append(self, writer: int, stream: Stream, number: int) -> None:
        """Unless another has the stream in hand: it would have to wait."""
        if any(stream in taken for w, (_, _, taken) in self.open.items() if w != writer):
            return
        for _ in range(number):
            self.run(self.append_(writer, stream))

    async def append_(self, writer: int, stream: Stream) -> None:
        if writer not in self.open:
            stack = AsyncExitStack()
            fresh = await stack.enter_async_context(self.pool.acquire())
            self.open[writer] = (stack, fresh, [])
            await fresh.execute("BEGIN")
        _, conn, taken = self.open[writer]
        taken.append(stream)
        n = self.committed[stream.stream_id] + taken.count(stream)
        await outbox.append(conn, Noted(youth_id=stream.stream_id, n=n), at=NOW)

    @precondition(lambda self: self.open)
    @rule(commits=st.sampled_from([True, True, True, False]), which=st.integers(0, WRITERS - 1))
    def end(self, commits: bool, which: int) -> None:
        writers = sorted(self.open)
        self.run(self.end_(writers[which % len(writers)], commits))

    async def end_(self, writer: int, commits: bool) -> None:
        stack, conn, taken = self.open.pop(writer)
        await conn.execute("COMMIT" if commits else "ROLLBACK")
        await stack.aclose()
        for stream in taken if commits else ():
            self.committed[stream.stream_id] += 1

    # --- Relay -----------------------------------------------------------------------------------

    @rule(refused=st.sets(which_stream))
    def publish(self, refused: set[Stream]) -> None:
        """Some streams' partitions may have no leader at the moment."""
        self.kafka.refuse = {str(stream.stream_id).encode() for stream in refused}
        self.run(self.publish_(self.relay))
        self.kafka.refuse = set()
        self.only_what_was_committed_is_told_and_each_stream_in_order()
        self.what_is_marked_was_told()

    @precondition(lambda self: self.committed)
    @rule()
    def publish_and_die_before_the_mark(self) -> None:
        async def dies(conn: Connection, positions: Sequence[int]) -> None:
            raise Dies

        with pytest.MonkeyPatch.context() as patch, suppress(Dies):
            patch.setattr(relay, "mark", dies)
            self.run(self.publish_(self.relay))
        self.relay = Relay("referral.v1", self.kafka.open_producer)
        self.only_what_was_committed_is_told_and_each_stream_in_order()

    async def publish_(self, one: Relay) -> int:
        async with self.pool.acquire() as conn:
            return await one.publish(conn)

    # --- What holds ------------------------------------------------------------------------------

    def log(self) -> dict[UUID, list[int]]:
        """The numbers on the wire, per stream, in the order in which each came first."""
        found: dict[UUID, list[int]] = defaultdict(list)
        for record in (record for partition in self.kafka.log for record in partition):
            stream = UUID((record.key or b"").decode())
            number = int(dict(record.headers)["ce_sequence"] or b"")
            if number not in found[stream]:
                found[stream].append(number)
        return found

    def only_what_was_committed_is_told_and_each_stream_in_order(self) -> None:
        for stream, numbers in self.log().items():
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) <= self.committed[stream]

    def what_is_marked_was_told(self) -> None:
        marked = self.run(self.marked())
        log = self.log()
        assert all(number in log[stream] for stream, number in marked)

    async def marked(self) -> list[tuple[UUID, int]]:
        rows = await self.pool.fetch(
            "SELECT stream_id, sequence FROM event WHERE published_at IS NOT NULL"
        )
        return [(row["stream_id"], row["sequence"]) for row in rows]

    def teardown(self) -> None:
        try:
            for writer in list(self.open):
                self.run(self.end_(writer, True))
            while self.run(self.publish_(self.relay)):
                pass
            self.only_what_was_committed_is_told_and_each_stream_in_order()
            told = {stream: len(numbers) for stream, numbers in self.log().items()}
            assert told == {stream: n for stream, n in self.committed.items() if n}
        finally:
            super().teardown()


def test_every_history_ends_with_all_told_in_order(
    pool: Pool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 3)
    monkeypatch.setattr(relay, "PAUSE_SECONDS", 0)

    play(RelayMachine, server.dsn("one"))
