"""Reads the four databases after a run and gives a verdict; it believes no client and no log.

The words are Jepsen's. *Lost*: acknowledged and not stored, or stored and without effect.
*Duplicate*: more than once. *Ghost*: seen, though it was rolled back or never told. *Misordered*:
an effect whose number is not the one after the last. *Disagreeing*: one number, two contents.
*Torn*: some events of one transaction without the others. *Held*: arrived, and waits in the inbox.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from tests.fault.history import History

MOST_RECORDS_PER_EVENT = 3  # more is a storm


class Stored(NamedTuple):
    """One row of a producer's event table."""

    event_id: UUID
    stream_id: UUID
    sequence: int
    sha256: bytes
    act: UUID | None


class Effect(NamedTuple):
    """One note of a consumer, in the order in which they took effect."""

    event_id: UUID
    producer: str
    stream_id: UUID
    sequence: int
    sha256: bytes


@dataclass(frozen=True)
class Found:
    """All that the databases say."""

    acts: Mapping[str, Mapping[UUID, int]]  # by service: acknowledged keys, and how many events
    stored: Mapping[str, Sequence[Stored]]
    effects: Mapping[str, Sequence[Effect]]
    waiting: Mapping[str, frozenset[UUID]]
    refused: int  # waiting with a reason
    frozen: int
    skipped: int


@dataclass
class Verdict:
    """Counts of what must not be; `why` gives examples a person can look up."""

    counts: Counter[str] = field(default_factory=Counter)
    why: list[str] = field(default_factory=list)

    def note(self, what: str, example: str) -> None:
        self.counts[what] += 1
        if self.counts[what] <= 3:
            self.why.append(f"{what}: {example}")

    @property
    def green(self) -> bool:
        return not +self.counts


FINDINGS = ("lost", "duplicate", "ghost", "misordered", "disagreeing", "torn", "held")


def judge(history: History, found: Found, listeners: Sequence[tuple[str, str]]) -> Verdict:
    verdict = Verdict()
    acknowledged(history, found, verdict)
    for consumer, producer in listeners:
        effects = [e for e in found.effects[consumer] if e.producer == producer]
        took_effect(consumer, producer, effects, found, verdict)
        in_order(consumer, producer, effects, verdict)
        agreed(consumer, producer, effects, found.stored[producer], verdict)
    for what in ("refused", "frozen", "skipped"):
        if number := getattr(found, what):
            verdict.counts[what] += number
    return verdict


def acknowledged(history: History, found: Found, verdict: Verdict) -> None:
    """Acknowledged is stored, whole; failed is not stored; in doubt is stored once at most."""
    told: dict[str, Counter[UUID]] = {
        service: Counter(row.act for row in rows if row.act)
        for service, rows in found.stored.items()
    }
    for key, act in history.acts.items():
        have = told[act.to][key]
        stored = key in found.acts[act.to]
        if act.verdict == "ok" and not have:
            verdict.note("lost", f"{act.to} acknowledged act {key} and has none of its events")
        elif act.verdict == "fail" and (have or stored):
            verdict.note("ghost", f"{act.to} refused act {key} and has {have} of its events")
        elif have > act.events:
            verdict.note("duplicate", f"{act.to} told act {key} {have} times for {act.events}")
        elif have not in (0, act.events) or bool(have) != stored:
            verdict.note("torn", f"{act.to} has {have} of {act.events} events of act {key}")
    for service, acts in told.items():
        for key in acts.keys() - history.acts.keys():
            verdict.note("ghost", f"{service} has act {key}, which nobody asked for")


def took_effect(
    consumer: str, producer: str, effects: Sequence[Effect], found: Found, verdict: Verdict
) -> None:
    """The multiset of stored events is that of the effects."""
    times = Counter(effect.event_id for effect in effects)
    stored = {row.event_id for row in found.stored[producer]}
    for event_id in stored - times.keys():
        what = "held" if event_id in found.waiting[consumer] else "lost"
        verdict.note(what, f"{consumer} has not applied {event_id} of {producer}")
    for event_id, number in times.items():
        if number > 1:
            verdict.note("duplicate", f"{consumer} applied {event_id} {number} times")
        if event_id not in stored:
            verdict.note("ghost", f"{consumer} applied {event_id}, which {producer} never told")


def in_order(consumer: str, producer: str, effects: Sequence[Effect], verdict: Verdict) -> None:
    """Effects of one stream are numbered 1, 2, 3 and on."""
    at: dict[UUID, int] = defaultdict(int)
    for effect in effects:
        if effect.sequence != at[effect.stream_id] + 1:
            verdict.note(
                "misordered",
                f"{consumer} applied {effect.sequence} of {producer}'s {effect.stream_id}"
                f" after {at[effect.stream_id]}",
            )
        at[effect.stream_id] = effect.sequence


def agreed(
    consumer: str,
    producer: str,
    effects: Sequence[Effect],
    stored: Sequence[Stored],
    verdict: Verdict,
) -> None:
    """A number of a stream means the same event, byte for byte, on both sides."""
    said = {(row.stream_id, row.sequence): (row.event_id, row.sha256) for row in stored}
    for effect in effects:
        heard = (effect.event_id, effect.sha256)
        if said.get((effect.stream_id, effect.sequence), heard) != heard:
            place = f"{effect.sequence} of {producer}'s {effect.stream_id}"
            verdict.note("disagreeing", f"{consumer} applied another {place}")


def said(home: Path, files: Iterable[Path], private: Sequence[str]) -> list[str]:
    """In words, the files in which a child's own words stand, which belong into one database."""
    words = [word.encode() for word in private]
    return [
        f"a word of a child in {file.relative_to(home)}"
        for file in files
        if any(word in content for content in [content_of(file)] for word in words)
    ]


def content_of(file: Path) -> bytes:
    """Nothing where Kafka has just removed it: it runs on, and deletes what a fault has wiped."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


# --- What the databases say ----------------------------------------------------------------------


async def read(dsns: Mapping[str, str], streams: Sequence[UUID] | None = None) -> Found:
    """All there is, or all of these streams where a stand has had other runs before."""
    acts: dict[str, dict[UUID, int]] = {}
    stored: dict[str, list[Stored]] = {}
    effects: dict[str, list[Effect]] = {}
    waiting: dict[str, frozenset[UUID]] = {}
    sums: Counter[str] = Counter()
    for name, dsn in dsns.items():
        conn = await asyncpg.connect(dsn)
        try:
            rows = await conn.fetch("SELECT key, events FROM light_act")
            acts[name] = {row["key"]: row["events"] for row in rows}
            rows = await conn.fetch(
                """
                SELECT event_id, stream_id, sequence, event_type, body
                  FROM event
                 WHERE $1::uuid[] IS NULL OR stream_id = ANY ($1)
                """,
                streams,
            )
            stored[name] = [stored_from(row) for row in rows]
            rows = await conn.fetch(
                """
                SELECT event_id, producer, stream_id, sequence, sha256
                  FROM light_effect
                 WHERE $1::uuid[] IS NULL OR stream_id = ANY ($1)
                 ORDER BY position
                """,
                streams,
            )
            effects[name] = [Effect(*row) for row in rows]
            rows = await conn.fetch(
                """
                SELECT event_id, reason
                  FROM inbox_waiting
                 WHERE $1::uuid[] IS NULL OR stream_id = ANY ($1)
                """,
                streams,
            )
            waiting[name] = frozenset(row["event_id"] for row in rows)
            sums["refused"] += sum(row["reason"] is not None for row in rows)
            for what, query in SUMS.items():
                sums[what] += await conn.fetchval(query)
        finally:
            await conn.close()
    return Found(acts, stored, effects, waiting, sums["refused"], sums["frozen"], sums["skipped"])


async def misjudged(dsns: Mapping[str, str], history: History) -> dict[str, int]:
    """Of the acts alone: acknowledged is stored, refused is not, in doubt whole or not at all."""
    verdict = Verdict()
    acknowledged(history, await read(dsns), verdict)
    return dict(verdict.counts)


SUMS = {
    "frozen": "SELECT count(*) FROM inbox_cursor WHERE frozen IS NOT NULL",
    "skipped": "SELECT count(*) FROM inbox_skipped",
}


def stored_from(row: Any) -> Stored:
    body: bytes = row["body"]
    act = UUID(json.loads(body)["key"]) if row["event_type"] == "Told.v1" else None
    return Stored(row["event_id"], row["stream_id"], row["sequence"], sha256(body).digest(), act)


async def unseen(
    dsns: Mapping[str, str],
    listeners: Sequence[tuple[str, str]],
    streams: Sequence[UUID] | None = None,
) -> int | None:
    """How many effects are still to come; None while a database cannot be asked."""
    told: dict[str, int] = {}
    heard: dict[tuple[str, str], int] = {}
    with suppress(OSError, asyncpg.PostgresError, TimeoutError):
        for name, dsn in dsns.items():
            conn = await asyncpg.connect(dsn, timeout=3)
            try:
                told[name] = await conn.fetchval(
                    """
                    SELECT count(*)
                      FROM event
                     WHERE $1::uuid[] IS NULL OR stream_id = ANY ($1)
                    """,
                    streams,
                )
                rows = await conn.fetch(
                    """
                    SELECT producer, count(DISTINCT event_id)
                      FROM light_effect
                     WHERE $1::uuid[] IS NULL OR stream_id = ANY ($1)
                     GROUP BY producer
                    """,
                    streams,
                )
                heard |= {(name, row[0]): row[1] for row in rows}
            finally:
                await conn.close()
        return sum(told[p] - heard.get((c, p), 0) for c, p in listeners)
    return None
