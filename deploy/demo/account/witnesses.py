"""What each of the four databases says of every referral."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from deploy.demo.account.line import Line

ENDED = ("merged", "withdrawn", "closed")


async def referrals(referral: Any) -> list[Line]:
    """One line for each referral, in the order of their arrival, with what its owner knows."""
    rows = await referral.fetch(
        """
        SELECT r.system || '|' || r.value AS placer, r.referral_id, r.youth_id, t.task_id, p.name,
               r.state, t.status, coalesce(t.business, '') AS business, r.gaps,
               s.failures, s.hold_reason,
               (SELECT count(*) FROM eligibility_determination d
                 WHERE d.referral_id = r.referral_id AND d.outcome = 'confirmed') AS determinations,
               ARRAY(SELECT i.kind FROM work_item i
                      WHERE i.referral_id = r.referral_id AND i.closed_at IS NULL) AS items,
               ARRAY(SELECT c.member_id FROM coverage c
                      WHERE c.referral_id = r.referral_id
                        AND c.member_id IS NOT NULL) AS members,
               ARRAY(SELECT g.goal_id FROM hub_goal g
                      WHERE g.youth_id = r.youth_id AND g.tm_assigned
                        AND g.status IN ('accepted', 'active', 'on-hold')
                        AND g.version = (SELECT max(v.version) FROM hub_plan v
                                          WHERE v.youth_id = r.youth_id)) AS planned,
               ARRAY(SELECT a.kind FROM attestation a
                      WHERE a.referral_id = r.referral_id AND a.stands
                        AND a.number = (SELECT max(b.number) FROM attestation b
                                         WHERE b.referral_id = a.referral_id
                                           AND b.kind = a.kind)) AS attested
          FROM referral r
          JOIN task t ON t.referral_id = r.referral_id AND t.is_current
          JOIN partner_organisation p ON p.organisation_id = r.organisation_id
          LEFT JOIN standing s ON s.referral_id = r.referral_id
         ORDER BY r.received_at, r.referral_id
        """
    )
    telling = await told_of(referral)
    lines = [
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
            failures=tuple(one["code"] for one in json.loads(row["failures"] or "[]")),
            hold_reason=row["hold_reason"],
            items=frozenset(row["items"]),
            attested=frozenset(row["attested"]),
            members=frozenset(row["members"]),
            planned=frozenset(row["planned"]),
            determinations=row["determinations"],
            telling=telling[row["referral_id"]] | telling[row["task_id"]],
        )
        for row in rows
    ]
    count_alike(lines)
    return lines


async def told_of(referral: Any) -> defaultdict[UUID, dict[str, int]]:
    """How many events of each type were told about each referral and each Task."""
    rows = await referral.fetch(
        """
        SELECT (headers ->> 'ce_subject')::uuid AS subject, event_type, count(*)
          FROM event
         GROUP BY 1, 2
        """
    )
    found: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
    for subject, event_type, number in rows:
        found[subject][event_type] = number
    return found


def count_alike(lines: Iterable[Line]) -> None:
    """How many open referrals of other hubs name the same member and came before."""
    before: list[Line] = []
    for line in lines:
        if line.state not in ENDED:
            line.alike = sum(
                other.hub != line.hub and bool(other.members & line.members) for other in before
            )
            before.append(line)


async def refused_by_us(referral: Any) -> int:
    """Submissions that were refused and kept."""
    number: int = await referral.fetchval("SELECT count(*) FROM intake_reject")
    return number


async def add_scheduling(scheduling: Any, lines: Sequence[Line], now: datetime) -> None:
    mentored = await scheduling.fetch("SELECT referral_id FROM assignment WHERE ended IS NULL")
    episodes = await scheduling.fetch("SELECT referral_id, state FROM episode")
    appointments = await scheduling.fetch(
        """
        SELECT referral_id, appointment_id, state, upper(during) <= $1 AS is_over
          FROM appointment
        """,
        now,
    )
    assigned = {row["referral_id"] for row in mentored}
    states = {row["referral_id"]: row["state"] for row in episodes}
    of: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in appointments:
        of[row["referral_id"]].append(row)
    for line in lines:
        line.assigned = line.referral_id in assigned
        line.episode = states.get(line.referral_id, line.episode)
        booked = [r for r in of[line.referral_id] if r["state"] in ("booked", "completed")]
        line.booked = len(booked)
        line.over = frozenset(row["appointment_id"] for row in booked if row["is_over"])
        line.no_shows = sum(row["state"] == "no_show" for row in of[line.referral_id])


async def add_documentation(documentation: Any, lines: Sequence[Line]) -> None:
    sessions = await documentation.fetch(
        """
        SELECT referral_id,
               array_agg(session_id::text) AS ids,
               array_remove(array_agg(appointment_id), NULL) AS planned
          FROM session
         WHERE state = 'final'
         GROUP BY 1
        """
    )
    goals = await documentation.fetch(
        """
        SELECT c.referral_id,
               array_remove(array_agg(CASE WHEN g.lifecycle IN ('accepted', 'active', 'on-hold')
                                           THEN g.goal_id END), NULL) AS active,
               count(*) FILTER (WHERE g.lifecycle = 'cancelled') AS retired
          FROM care_plan c
          JOIN goal g USING (care_plan_id)
         GROUP BY 1
        """
    )
    acts = await documentation.fetch(
        """
        SELECT s.referral_id, count(DISTINCT s.session_id) AS undone
          FROM session s
          JOIN audit a ON a.act = 'POST /api/documentation/sessions/' || s.session_id || '/cosign'
         WHERE a.status = 200
           AND s.state = 'signed'
           AND s.version = 1
         GROUP BY 1
        """
    )
    undone = {row["referral_id"]: row["undone"] for row in acts}
    held = {row["referral_id"]: row for row in sessions}
    worked_on = {row["referral_id"]: row for row in goals}
    for line in lines:
        line.undone = undone.get(line.referral_id, 0)
        if row := held.get(line.referral_id):
            line.session_ids = frozenset(row["ids"])
            line.written = frozenset(row["planned"])
        if row := worked_on.get(line.referral_id):
            line.active, line.retired = frozenset(row["active"]), row["retired"]


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
