"""All that was told of a referral, for a dated answer: our own events, and the rows behind them."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from contracts.codes import Attestation, ConsentKind, HubService
from services.chassis.clock import agency_day
from services.chassis.db import Connection, Record
from services.referral.domain.validity import (
    AttestedWord,
    ConsentWord,
    CoverageWord,
    HubWord,
    OpenWord,
    PlanWord,
)


async def list_openings(
    conn: Connection,
    youth_id: UUID,
    referral_id: UUID,
    *,
    opens: Sequence[str],
    ends: Sequence[str],
) -> tuple[OpenWord, ...]:
    """When events of these types opened and ended it; the day on which it ended is its last."""
    rows = await conn.fetch(
        """
        SELECT event_id, event_type, occurred_at,
               convert_from(body, 'utf8')::jsonb ->> 'received_on' AS received_on
          FROM event
         WHERE stream_id = $1
           AND event_type = ANY ($2)
           AND convert_from(body, 'utf8')::jsonb ->> 'referral_id' = $3
         ORDER BY sequence
        """,
        *(youth_id, [*opens, *ends], str(referral_id)),
    )
    return tuple(
        OpenWord(
            row["event_id"],
            first_day(row, is_open=row["event_type"] in opens),
            row["event_type"] in opens,
        )
        for row in rows
    )


def first_day(row: Record, *, is_open: bool) -> date:
    if row["received_on"]:
        return date.fromisoformat(row["received_on"])
    day = agency_day(row["occurred_at"])
    return day if is_open else day + timedelta(days=1)


async def list_hub_words(
    conn: Connection, youth_id: UUID, *, engages: str, disengages: str
) -> tuple[HubWord, ...]:
    """What was told of the youth's hub services: rows say only how they stand now."""
    rows = await conn.fetch(
        """
        SELECT event_id, event_type, convert_from(body, 'utf8')::jsonb AS body
          FROM event
         WHERE stream_id = $1 AND event_type = ANY ($2)
         ORDER BY sequence
        """,
        *(youth_id, [engages, disengages]),
    )
    return tuple(
        HubWord(
            row["event_id"],
            UUID(row["body"]["organisation_id"]),
            HubService(row["body"]["hub_service"]),
            date.fromisoformat(row["body"]["effective"]),
            row["event_type"] == engages,
        )
        for row in rows
    )


async def list_coverage_words(conn: Connection, referral_id: UUID) -> tuple[CoverageWord, ...]:
    """Every yes and no of payers; silence and questions that they rejected say nothing."""
    rows = await conn.fetch(
        """
        SELECT inquiry_id, coverage_id, payer_id, rank, service_date,
               outcome <> 'inactive' AS is_active, product, bh_admin, begins, ends
          FROM eligibility_inquiry
         WHERE referral_id = $1
           AND outcome IN ('active', 'active_with_conditions', 'inactive')
         ORDER BY number
        """,
        referral_id,
    )
    return tuple(CoverageWord(*row.values()) for row in rows)


async def list_plan_words(conn: Connection, referral_id: UUID) -> tuple[PlanWord, ...]:
    rows = await conn.fetch(
        """
        SELECT p.version, p.effective, p.ends,
               ARRAY(SELECT g.goal_id
                       FROM hub_goal g
                      WHERE g.youth_id = p.youth_id AND g.version = p.version AND g.tm_assigned
                      ORDER BY g.position) AS tm_goals
          FROM hub_plan p
         WHERE p.referral_id = $1
         ORDER BY p.version
        """,
        referral_id,
    )
    return tuple(
        PlanWord(row["version"], row["effective"], row["ends"], tuple(row["tm_goals"]))
        for row in rows
    )


async def list_consent_words(conn: Connection, youth_id: UUID) -> tuple[ConsentWord, ...]:
    rows = await conn.fetch(
        """
        SELECT consent_id, kind, organisation_id, effective_at, stands
          FROM consent
         WHERE youth_id = $1
         ORDER BY number
        """,
        youth_id,
    )
    return tuple(
        ConsentWord(
            *(row["consent_id"], ConsentKind(row["kind"]), row["organisation_id"]),
            *(agency_day(row["effective_at"]), row["stands"]),
        )
        for row in rows
    )


async def list_attested_words(conn: Connection, referral_id: UUID) -> tuple[AttestedWord, ...]:
    """Documents and necessity from the day that staff gave, else the day of the act."""
    rows = await conn.fetch(
        """
        SELECT attestation_id, kind, given_on, recorded_at, stands
          FROM attestation
         WHERE referral_id = $1 AND kind IN ('documents', 'medical-necessity')
         ORDER BY number
        """,
        referral_id,
    )
    return tuple(
        AttestedWord(
            row["attestation_id"],
            Attestation(row["kind"]),
            row["given_on"] or agency_day(row["recorded_at"]),
            row["stands"],
        )
        for row in rows
    )
