"""The account of every referral: counted from the four databases and the hubs' own logs.

It asks nobody who acted. What it expects follows from the records themselves: a referral that
lacks nothing must be in service with its sessions read by its hub; one that lacks something must
say so in its Task.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from contracts.asyncapi import LISTENERS

Log = Sequence[Mapping[str, Any]]


@dataclass
class Line:
    """One referral, as each of its witnesses knows it."""

    placer: str
    referral_id: UUID
    youth_id: UUID
    task_id: UUID
    hub: str
    state: str
    task: str
    business: str
    gaps: tuple[str, ...]
    determinations: int = 0
    episode: str = "-"
    booked: int = 0
    sessions: int = 0
    goals: int = 0
    told: int = 0
    heard_of_task: int = 0
    heard_of_sessions: int = 0
    session_ids: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)


@dataclass
class Account:
    lines: list[Line]
    unknown: list[str]
    events: dict[str, int]
    faults: Counter[str]

    @property
    def is_right(self) -> bool:
        problems = any(line.problems for line in self.lines)
        return bool(self.lines) and not (problems or self.unknown or +self.faults)


async def draw_up(
    dsn: Mapping[str, str], logs: Mapping[str, Log], *, only: Collection[str] | None = None
) -> Account:
    """The account of a stack: its databases by service, and each hub's log.

    `only`: the ids of the referrals to judge; None judges all that there are.
    """
    databases = {name: await asyncpg.connect(address) for name, address in dsn.items()}
    try:
        lines = await referrals(databases["referral"])
        await add_scheduling(databases["scheduling"], lines)
        await add_documentation(databases["documentation"], lines)
        await add_notifications(databases["notifications"], lines)
        faults, events = await compare_streams(databases)
    finally:
        for connection in databases.values():
            await connection.close()
    known = {line.placer for line in lines}
    if only is not None:
        lines = [line for line in lines if str(line.referral_id) in only]
    hear(lines, logs)
    for line in lines:
        judge(line)
    return Account(lines, sorted(accepted_by_us(logs) - known), events, faults)


async def referrals(referral: Any) -> list[Line]:
    rows = await referral.fetch(
        """
        SELECT r.system || '|' || r.value AS placer, r.referral_id, r.youth_id, t.task_id, p.name,
               r.state, t.status, coalesce(t.business, '') AS business, r.gaps,
               (SELECT count(*) FROM eligibility_determination d
                 WHERE d.referral_id = r.referral_id AND d.outcome = 'confirmed') AS determinations
          FROM referral r
          JOIN task t USING (referral_id)
          JOIN partner_organisation p ON p.organisation_id = r.organisation_id
         ORDER BY r.received_at, r.referral_id
        """
    )
    return [
        Line(
            placer=row["placer"],
            referral_id=row["referral_id"],
            youth_id=row["youth_id"],
            task_id=row["task_id"],
            hub=row["name"],
            state=row["state"],
            task=row["status"],
            business=row["business"],
            gaps=tuple(row["gaps"]),
            determinations=row["determinations"],
        )
        for row in rows
    ]


async def add_scheduling(scheduling: Any, lines: Sequence[Line]) -> None:
    rows = await scheduling.fetch(
        """
        SELECT e.referral_id, e.state,
               (SELECT count(*) FROM appointment a
                 WHERE a.episode_id = e.episode_id
                   AND a.state IN ('booked', 'completed')) AS booked
          FROM episode e
        """
    )
    found = {row["referral_id"]: row for row in rows}
    for line in lines:
        if row := found.get(line.referral_id):
            line.episode, line.booked = row["state"], row["booked"]


async def add_documentation(documentation: Any, lines: Sequence[Line]) -> None:
    sessions = await documentation.fetch(
        """
        SELECT referral_id, array_agg(session_id::text) AS ids
          FROM session
         WHERE state = 'final'
         GROUP BY 1
        """
    )
    goals = await documentation.fetch(
        """
        SELECT c.referral_id, count(*) AS n
          FROM care_plan c
          JOIN goal g USING (care_plan_id)
         WHERE g.lifecycle = 'active'
         GROUP BY 1
        """
    )
    held = {row["referral_id"]: frozenset(row["ids"]) for row in sessions}
    active = {row["referral_id"]: row["n"] for row in goals}
    for line in lines:
        line.session_ids = held.get(line.referral_id, frozenset())
        line.sessions = len(line.session_ids)
        line.goals = active.get(line.referral_id, 0)


async def add_notifications(notifications: Any, lines: Sequence[Line]) -> None:
    """How many notifications of a referral's youth were delivered, by our own record."""
    rows = await notifications.fetch(
        """
        SELECT youth_id, count(*) AS n
          FROM delivery
         WHERE state = 'delivered'
         GROUP BY 1
        """
    )
    told = {row["youth_id"]: row["n"] for row in rows}
    for line in lines:
        line.told = told.get(line.youth_id, 0)


async def compare_streams(databases: Mapping[str, Any]) -> tuple[Counter[str], dict[str, int]]:
    """Each consumer's cursor against each producer's last number, and what was refused.

    A cursor behind is `lost` while the account stands still, one ahead is `out of order`; the
    cursor itself makes an event count once. Numbers that are not dense would be lost at home.
    """
    faults: Counter[str] = Counter()
    events: dict[str, int] = {}
    for topic, listeners in LISTENERS.items():
        producer = topic.partition(".")[0]
        heads = await databases[producer].fetch("SELECT stream_id, last_sequence FROM stream")
        events[producer] = await databases[producer].fetchval("SELECT count(*) FROM event")
        faults["lost"] += sum(row["last_sequence"] for row in heads) - events[producer]
        for listener in listeners:
            rows = await databases[listener].fetch(
                "SELECT stream_id, last_sequence FROM inbox_cursor WHERE producer = $1", producer
            )
            at = {row["stream_id"]: row["last_sequence"] for row in rows}
            for row in heads:
                behind = row["last_sequence"] - at.get(row["stream_id"], 0)
                faults["lost"] += max(behind, 0)
                faults["out of order"] += behind < 0
    for connection in databases.values():
        faults["refused"] += await connection.fetchval(
            "SELECT count(*) FROM inbox_waiting WHERE reason IS NOT NULL"
        )
    return faults, events


def hear(lines: Sequence[Line], logs: Mapping[str, Log]) -> None:
    """What each hub's own log says that it was told; a repeat under one number counts once."""
    heard = {
        (entry["subscription"], event["number"], event["focus"].rpartition("/")[2])
        for log in logs.values()
        for entry in log
        if entry.get("kind") == "received" and entry.get("answered") == 200
        for event in entry.get("events", ())
    }
    of_task = Counter(focus for _, _, focus in heard)
    for line in lines:
        line.heard_of_task = of_task[str(line.task_id)]
        line.heard_of_sessions = sum(1 for id_ in line.session_ids if of_task[id_])


def accepted_by_us(logs: Mapping[str, Log]) -> set[str]:
    """The hubs' own numbers of all that they sent and had accepted."""
    return {
        placer
        for log in logs.values()
        for entry in log
        if entry.get("kind") == "sent" and entry.get("status") in (200, 201)
        for placer in entry.get("placers", ())
    }


def judge(line: Line) -> None:
    """Note what is not as the records themselves say that it should be."""
    expected = (
        {"state": "incomplete", "task": "requested", "business": "awaiting-information"}
        if line.gaps
        else {"state": "admitted", "task": "in-progress", "episode": "open"}
    )
    for name, value in expected.items():
        if getattr(line, name) != value:
            line.problems.append(f"{name} is {getattr(line, name)}, not {value}")
    if not line.heard_of_task:
        line.problems.append("its hub was never told of its Task")
    if line.heard_of_sessions < line.sessions:
        line.problems.append(
            f"of {line.sessions} sessions its hub was told of {line.heard_of_sessions}"
        )
    if line.gaps:
        return
    if not line.sessions or line.sessions < line.booked:
        line.problems.append(f"{line.booked} sessions were booked, {line.sessions} are final")
    if not line.goals:
        line.problems.append("no goal is in its care plan")
    if not line.determinations:
        line.problems.append("no determination says that it is eligible")
