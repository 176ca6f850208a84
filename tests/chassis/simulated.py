"""PostgreSQL at read committed, as far as the kernel needs it, for a loop that explores.

Where a statement is on its way, another task may run; a row that is written stays locked until its
transaction ends; what is not committed nobody else sees; a task that is cancelled rolls back, or
had committed and does not know. What PostgreSQL truly does the other tests ask of PostgreSQL.
"""

import asyncio
from collections import defaultdict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from types import ModuleType
from typing import Any
from uuid import UUID

import detangle
import pytest

from services.chassis import catch_up, db, inbox, inbox_store, relay, work
from services.chassis.envelope import Envelope, Stream
from services.chassis.inbox_store import Cursor
from services.chassis.work import Item, Lease

RUNS = 2_000

Key = tuple[Any, ...]


def explore(story: Callable[[], Coroutine[Any, Any, None]], *, shrink: bool = True) -> None:
    """Tell a story in 2,000 schedules, the same ones every time; BugFound with the shortest."""
    detangle.explore(
        story, runs=RUNS, seed=1, database=False, patch_time=True, shrink=shrink, replay=None
    )


def is_found(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """One of those schedules breaks the story."""
    with pytest.raises(detangle.BugFound):
        explore(story, shrink=False)


async def statement() -> None:
    """On its way to the database and back: whoever is ready may run."""
    await asyncio.sleep(0)


class Database:
    """What is committed, and who holds which row."""

    def __init__(self) -> None:
        self.rows: dict[Key, Any] = {}
        self.effects: list[tuple[Stream, int]] = []
        self.locks: dict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.check: Callable[[], None] = lambda: None  # what must hold after each commit
        self.numbers = count(1)  # an identity column: given out before the commit


class Session:
    """A connection with a transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.written: dict[Key, Any] = {}
        self.effects: list[tuple[Stream, int]] = []
        self.held: list[Key] = []

    async def lock(self, key: Key) -> None:
        if key not in self.held:
            await self.database.locks[key].acquire()
            self.held.append(key)

    def get(self, key: Key) -> Any:
        return self.written[key] if key in self.written else self.database.rows.get(key)

    def put(self, key: Key, value: Any) -> None:
        self.written[key] = value

    def like(self, *begin: object) -> list[Any]:
        """Rows whose key begins like this, in order of their keys."""
        keys = {*self.database.rows, *self.written}
        found = sorted(key for key in keys if key[: len(begin)] == begin)
        return [row for key in found if (row := self.get(key)) is not None]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A savepoint; locks stay, as they do."""
        before = dict(self.written), list(self.effects)
        try:
            yield
        except BaseException:
            self.written, self.effects = before
            raise

    def commit(self) -> None:
        for key, value in self.written.items():
            if value is None:
                self.database.rows.pop(key, None)
            else:
                self.database.rows[key] = value
        self.database.effects += self.effects
        self.end()
        self.database.check()

    def end(self) -> None:
        while self.held:
            self.database.locks[self.held.pop()].release()


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[Session]:
    session = Session(database)
    noted = db._noted[id(session)] = set()
    try:
        await statement()
        yield session
        await statement()
        session.commit()
        await statement()  # who is cancelled here has committed
    finally:
        del db._noted[id(session)]
        session.end()
    for what in noted:
        for call in db._listeners.get((id(database), what), ()):
            call()


# --- The statements of inbox_store ----------------------------------------------------------------


async def lock_cursors(
    conn: Session, consumer: str, streams: Sequence[Stream]
) -> dict[Stream, Cursor]:
    await statement()
    for stream in sorted(streams):
        await conn.lock(("cursor", stream))
    return {s: conn.get(("cursor", s)) or Cursor(0, None) for s in streams}


async def load_waiting(
    conn: Session, consumer: str, last: Mapping[Stream, Cursor], begun: Collection[Stream]
) -> dict[Stream, dict[int, Envelope]]:
    await statement()
    found: dict[Stream, dict[int, Envelope]] = {}
    for stream, cursor in last.items():
        events = [e for e in conn.like("waiting", stream) if e.sequence > cursor.sequence]
        follows = [e for e in events if e.sequence == cursor.sequence + 1]
        most = inbox_store.MOST if follows or stream in begun else 0
        if follows and follows[0].reason is not None:
            most = 1
        if events[:most]:
            found[stream] = {e.sequence: e for e in events[:most]}
    return found


async def move_cursors(conn: Session, consumer: str, moved: Mapping[Stream, Envelope]) -> None:
    await statement()
    for stream, event in moved.items():
        await conn.lock(("cursor", stream))
        before = conn.get(("cursor", stream)) or Cursor(0, None)
        conn.put(
            ("cursor", stream), replace(before, sequence=event.sequence, event_id=event.event_id)
        )


async def forget(conn: Session, consumer: str, moved: Mapping[Stream, Envelope]) -> None:
    await statement()
    for stream, event in moved.items():
        for waits in conn.like("waiting", stream):
            if waits.sequence <= event.sequence:
                conn.put(("waiting", stream, waits.sequence), None)


async def remember(conn: Session, consumer: str, events: Sequence[Envelope]) -> None:
    await statement()
    for event in events:
        key = ("waiting", event.stream, event.sequence)
        if conn.get(key) is None:
            conn.put(key, event)


async def refuse(conn: Session, consumer: str, event: Envelope, *, longest: int | None) -> None:
    await statement()
    conn.put(("waiting", event.stream, event.sequence), event)


async def clear_reason(conn: Session, consumer: str, stream: Stream) -> None:
    await statement()
    for event in conn.like("waiting", stream):
        conn.put(("waiting", stream, event.sequence), replace(event, reason=None))


async def told_otherwise(conn: Session, consumer: str, events: Sequence[Envelope]) -> set[Stream]:
    await statement()
    waits = [(e, conn.get(("waiting", e.stream, e.sequence))) for e in events]
    return {event.stream for event, other in waits if other and other.event_id != event.event_id}


async def freeze(
    conn: Session, consumer: str, streams: Collection[Stream], reason: str
) -> list[Stream]:
    await statement()
    newly = []
    for stream in sorted(streams):
        await conn.lock(("cursor", stream))
        before = conn.get(("cursor", stream)) or Cursor(0, None)
        if not before.frozen:
            newly.append(stream)
            conn.put(("cursor", stream), replace(before, frozen=reason))
    return newly


async def due(conn: Session, consumer: str, reason: str) -> list[Stream]:
    """As after the longest pause: whatever stands at its cursor may be tried."""
    await statement()
    waits = {(event.stream, event.sequence) for event in conn.like("waiting")}
    at = {stream: conn.get(("cursor", stream)) or Cursor(0, None) for stream, _ in waits}
    return sorted(s for s, number in waits if number == at[s].sequence + 1 and not at[s].frozen)


async def cursors(
    conn: Session, consumer: str, producer: str, stream_ids: Collection[UUID]
) -> dict[UUID, int]:
    await statement()
    found = {id_: conn.get(("cursor", Stream(id_, producer))) for id_ in stream_ids}
    return {id_: cursor.sequence for id_, cursor in found.items() if cursor}


async def wait_briefly(conn: Session) -> None:
    await statement()


async def require_unbroken(conn: Session) -> None:
    await statement()


async def all_cursors(conn: Session, consumer: str, producer: str) -> dict[UUID, int]:
    streams = {key[1] for key in conn.database.rows if key[0] == "cursor"}
    ids = [stream.stream_id for stream in streams if stream.producer == producer]
    return await cursors(conn, consumer, producer, ids)


# --- Those of outbox and relay --------------------------------------------------------------------


async def append(conn: Session, stream: Stream, event: Envelope) -> None:
    """The stream's row stays locked, so its numbers are in the order of commits."""
    await statement()
    await conn.lock(("stream", stream))
    number = (conn.get(("stream", stream)) or 0) + 1
    assert number == event.sequence
    conn.put(("stream", stream), number)
    position = next(conn.database.numbers)
    conn.put(("event", position), {"position": position, "event": event, "published": False})
    db.note(conn, "event")  # type: ignore[arg-type]


async def locked(conn: Session) -> bool:
    await statement()
    lock = conn.database.locks[("relay",)]
    if free := not lock.locked():
        await conn.lock(("relay",))
    return free


async def unpublished(conn: Session, *, but: Sequence[int] = ()) -> list[Mapping[str, Any]]:
    await statement()
    rows = [row for row in conn.like("event") if not row["published"]]
    return [row for row in rows if row["position"] not in but][: relay.BATCH]


async def mark(conn: Session, positions: Sequence[int]) -> None:
    await statement()
    for position in positions:
        conn.database.rows[("event", position)] |= {"published": True}


# --- Those of work --------------------------------------------------------------------------------


@dataclass
class Due:
    id: int
    lane: str
    kind: str
    attempts: int = 0
    token: UUID | None = None
    of: str | None = None
    until: float = 0.0
    done: bool = False


async def add(conn: Session, kind: str, lane: str) -> int:
    await statement()
    row = Due(next(conn.database.numbers), lane, kind)
    conn.put(("work", row.id), row)
    db.note(conn, "work")  # type: ignore[arg-type]
    return row.id


async def claim(
    conn: Session, kinds: Collection[str], *, now: datetime, lease: Lease | None
) -> Item | None:
    await statement()
    open_ = [row for row in conn.like("work") if not row.done]
    for row in open_:
        first = next(other for other in open_ if other.lane == row.lane)
        if row.kind in kinds and first is row and (item := await taken(conn, row, lease)):
            return item
    return None


async def claim_next(
    conn: Session, item: Item, kinds: Collection[str], *, now: datetime, lease: Lease
) -> Item | None:
    await statement()
    lane = conn.get(("work", item.id)).lane
    open_ = [row for row in conn.like("work") if not row.done and row.lane == lane]
    return await taken(conn, open_[0], lease) if open_ and open_[0].kind in kinds else None


async def taken(conn: Session, row: Due, lease: Lease | None) -> Item | None:
    """The row in hand, if nobody has it."""
    at = asyncio.get_running_loop().time()
    if conn.database.locks[("work", row.id)].locked() or row.until > at:
        return None
    await conn.lock(("work", row.id))
    token, of = (lease.token, lease.instance) if lease else (None, None)
    until = at + work.LEASE_SECONDS if lease else 0.0
    attempts = row.attempts + 1
    conn.put(("work", row.id), replace(row, attempts=attempts, token=token, of=of, until=until))
    return Item(row.id, row.kind, {"lane": row.lane}, attempts, token, {})


async def in_hand(conn: Session, item: Item) -> Due | None:
    """The row, locked; None when another has it or has done it."""
    await statement()
    await conn.lock(("work", item.id))
    row: Due = conn.get(("work", item.id))
    return None if row.done or row.token != item.lease_token else row


async def finish(conn: Session, item: Item) -> bool:
    if row := await in_hand(conn, item):
        conn.put(("work", item.id), replace(row, done=True))
    return row is not None


async def put_off(conn: Session, item: Item, error: Exception) -> None:
    if row := await in_hand(conn, item):
        until = asyncio.get_running_loop().time() + 2.0
        conn.put(("work", item.id), replace(row, token=None, until=until))


async def take_back(conn: Session, instance: str) -> None:
    await statement()
    for row in conn.like("work"):
        if row.of == instance and row.token and not row.done:
            await conn.lock(("work", row.id))
            row = conn.get(("work", row.id))
            if row.of == instance and row.token and not row.done:
                until = asyncio.get_running_loop().time()
                conn.put(("work", row.id), replace(row, token=None, until=until))


STATEMENTS: Mapping[ModuleType, Sequence[Callable[..., Awaitable[Any]]]] = {
    inbox_store: (
        *(lock_cursors, load_waiting, move_cursors, forget, remember, refuse, clear_reason),
        *(told_otherwise, freeze, due, cursors, all_cursors, wait_briefly, require_unbroken),
    ),
    relay: (locked, unpublished, mark),
    work: (claim, claim_next, finish, put_off, take_back),
}


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The kernel on a `Database` in place of a pool."""
    for module, acts in STATEMENTS.items():
        for act in acts:
            monkeypatch.setattr(module, act.__name__, act)
    for module in (inbox, catch_up, work):
        monkeypatch.setattr(module, "acquired", transaction)
    for module in (inbox, catch_up, work):
        monkeypatch.setattr(module, "transaction", transaction)
    monkeypatch.setattr(relay, "envelope", lambda row, source: row["event"])
    return monkeypatch
