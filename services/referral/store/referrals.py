"""Referrals: their key, what they ask for, and the facts that gate 1 looks at."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from contracts.codes import Gap, HubService, OpenItem, Priority, ReferralState
from services.chassis.db import Connection
from services.referral.domain.eligibility import Coverage, Facts, HubEnrolment, HubPlan
from services.referral.domain.intake import Identifier, Referral, Window


async def lock_numbers(conn: Connection, numbers: Sequence[str]) -> datetime:
    """Let nobody else take in the same referral or child meanwhile; returns machine time.

    Hubs resend while the first answer is on its way. Held until the transaction ends; in order,
    so that two never wait for each other.
    """
    now: datetime = await conn.fetchval(
        """
        WITH held AS MATERIALIZED (
            SELECT pg_advisory_xact_lock(number)
              FROM (SELECT DISTINCT hashtextextended(n, 0) AS number
                      FROM unnest($1::text[]) AS n,
                           set_config('lock_timeout', '2500ms', true)
                     ORDER BY 1) AS ordered
        )
        SELECT now() FROM (SELECT count(*) FROM held) AS all_held
        """,
        list(numbers),
    )
    return now


async def add_referral(conn: Connection, referral: Referral) -> None:
    """Store a referral in state `received`; its key is held by `lock_numbers`."""
    await conn.execute(
        """
        INSERT INTO referral (referral_id, youth_id, organisation_id, system, value, version,
                              received_at, received_on, request_status, priority, hub_service,
                              gaps, open_items, hours_per_week, windows, do_not_contact)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """,
        *(referral.referral_id, referral.youth_id, referral.organisation_id, *referral.key),
        *(referral.version, referral.received_at, referral.received_on),
        *(referral.request_status, referral.priority, referral.hub_service),
        *(list(referral.gaps), list(referral.open_items), referral.hours_per_week),
        *(windows_out(referral.windows), referral.do_not_contact),
    )


async def update_referral(conn: Connection, referral: Referral) -> None:
    """Store what an amendment made of a referral; received date and state stay."""
    await conn.execute(
        """
        UPDATE referral
           SET version = $2, request_status = $3, priority = $4, hub_service = $5, gaps = $6,
               open_items = $7, hours_per_week = $8, windows = $9, do_not_contact = $10,
               updated_at = now()
         WHERE referral_id = $1
        """,
        *(referral.referral_id, referral.version, referral.request_status, referral.priority),
        *(referral.hub_service, list(referral.gaps), list(referral.open_items)),
        *(referral.hours_per_week, windows_out(referral.windows), referral.do_not_contact),
    )


async def referral_by_id(conn: Connection, referral_id: UUID) -> Referral | None:
    """A referral with the wishes of its youth; locked against other changes."""
    row = await conn.fetchrow(
        """
        SELECT r.referral_id, r.youth_id, r.organisation_id, r.system, r.value, r.version,
               r.received_at, r.received_on, r.request_status, r.priority, r.hub_service, r.gaps,
               r.open_items, r.hours_per_week, r.windows, r.do_not_contact,
               r.mentor_gender_required, r.mentor_gender_preferred,
               y.languages, y.interpreter_needed, y.area
          FROM referral r
          JOIN youth y USING (youth_id)
         WHERE r.referral_id = $1
           FOR UPDATE OF r
        """,
        referral_id,
    )
    if row is None:
        return None
    return Referral(
        *(row["referral_id"], row["youth_id"], row["organisation_id"]),
        Identifier(row["system"], row["value"]),
        *(row["version"], row["received_at"], row["received_on"], row["request_status"]),
        Priority(row["priority"]),
        HubService(row["hub_service"]) if row["hub_service"] else None,
        tuple(Gap(gap) for gap in row["gaps"]),
        tuple(OpenItem(item) for item in row["open_items"]),
        row["hours_per_week"],
        tuple(Window(w["weekday"], w["begins"], w["ends"]) for w in row["windows"]),
        row["do_not_contact"],
        row["mentor_gender_required"],
        row["mentor_gender_preferred"],
        tuple(row["languages"]),
        row["interpreter_needed"],
        row["area"],
    )


async def referral_facts(conn: Connection, referral_id: UUID) -> Facts:
    """All that gate 1 looks at, as the sender, or staff, last said it."""
    row = await conn.fetchrow(
        """
        SELECT r.referral_id, r.youth_id, r.organisation_id, r.state, r.version, r.received_at,
               r.open_items, y.birth_date, y.deceased,
               ARRAY(SELECT (c.coverage_id, c.payer_id, c.member_id, c.rank)
                       FROM coverage c
                      WHERE c.referral_id = r.referral_id AND c.is_named
                      ORDER BY c.rank, c.coverage_id) AS coverages,
               ARRAY(SELECT (h.enrolment_id, h.organisation_id, h.hub_service, h.begins, h.ends,
                             h.holds)
                       FROM referral_part part
                      CROSS JOIN LATERAL (
                            SELECT * FROM hub_enrolment WHERE referral_id = part.part_id
                            OFFSET 0) AS h  -- one by one: not all hubs of all referrals
                      WHERE part.referral_id = r.referral_id
                      ORDER BY h.enrolment_id) AS hubs,
               ARRAY(SELECT j.organisation_id
                       FROM referral_merge m
                       JOIN referral j ON j.referral_id = m.referral_id
                      WHERE m.survivor_id = r.referral_id AND m.undone_at IS NULL) AS joined,
               p.version AS plan_version, p.begins AS plan_begins, p.ends AS plan_ends,
               ARRAY(SELECT g.goal_id
                       FROM hub_goal g
                      WHERE g.youth_id = p.youth_id AND g.version = p.version AND g.tm_assigned
                      ORDER BY g.position) AS tm_goals
          FROM referral r
          JOIN youth y USING (youth_id)
          LEFT JOIN LATERAL (
               SELECT youth_id, version, begins, ends
                 FROM hub_plan
                WHERE referral_id = r.referral_id
                ORDER BY version DESC
                LIMIT 1) p ON true
         WHERE r.referral_id = $1
        """,
        referral_id,
    )
    if row is None:
        raise LookupError("There is no such referral.")
    plan = row["plan_version"] and HubPlan(
        *(row["plan_version"], tuple(row["tm_goals"]), row["plan_begins"], row["plan_ends"])
    )
    return Facts(
        referral_id=row["referral_id"],
        youth_id=row["youth_id"],
        organisation_id=row["organisation_id"],
        state=ReferralState(row["state"]),
        version=row["version"],
        received_at=row["received_at"],
        birth_date=row["birth_date"],
        deceased=row["deceased"],
        coverages=tuple(Coverage(*coverage) for coverage in row["coverages"]),
        hubs=tuple(enrolment(*hub) for hub in row["hubs"]),
        plan=plan or None,
        open_items=tuple(OpenItem(item) for item in row["open_items"]),
        joined=tuple(row["joined"]),
    )


def enrolment(
    enrolment_id: UUID,
    organisation_id: UUID,
    service: str | None,
    begins: date | None,
    ends: date | None,
    holds: bool,
) -> HubEnrolment:
    known = HubService(service) if service else None
    return HubEnrolment(enrolment_id, organisation_id, known, begins, ends, holds)


def windows_out(windows: Sequence[Window]) -> list[dict[str, Any]]:
    return [{"weekday": w.weekday, "begins": w.begins, "ends": w.ends} for w in windows]
