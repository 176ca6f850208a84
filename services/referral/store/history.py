"""All that was told of a referral, for a dated answer: our own events, and the rows behind them."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from contracts.codes import Attestation, ConsentKind, HubService
from contracts.events import (
    HubDisengaged,
    HubEngaged,
    ReferralClosed,
    ReferralMerged,
    ReferralReceived,
    ReferralReopened,
    ReferralWithdrawn,
)
from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.referral.domain.eligibility import Facts
from services.referral.domain.validity import (
    AttestedWord,
    ConsentWord,
    CoverageWord,
    History,
    HubWord,
    OpenWord,
    PlanWord,
)

OPENS = (ReferralReceived.type, ReferralReopened.type)
ENDS = (ReferralClosed.type, ReferralWithdrawn.type, ReferralMerged.type)
HUBS = (HubEngaged.type, HubDisengaged.type)


async def history_of(conn: Connection, facts: Facts) -> History:
    """The whole history of one referral."""
    return History(
        youth_id=facts.youth_id,
        birth_date=facts.birth_date,
        requesting=frozenset((facts.organisation_id, *facts.joined)),
        named=frozenset(c.coverage_id for c in facts.coverages if c.member_id),
        opened=await list_openings(conn, facts.youth_id, facts.referral_id),
        hubs=await list_hub_words(conn, facts.youth_id),
        coverages=await list_coverage_words(conn, facts.referral_id),
        plans=await list_plan_words(conn, facts.referral_id),
        consents=await list_consent_words(conn, facts.youth_id),
        attested=await list_attested_words(conn, facts.referral_id),
    )


async def list_openings(
    conn: Connection, youth_id: UUID, referral_id: UUID
) -> tuple[OpenWord, ...]:
    """When the referral was opened and ended; the day on which it ended is its last."""
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
        *(youth_id, [*OPENS, *ENDS], str(referral_id)),
    )
    return tuple(
        OpenWord(
            row["event_id"],
            opened_since(row["received_on"], agency_day(row["occurred_at"]), row["event_type"]),
            row["event_type"] in OPENS,
        )
        for row in rows
    )


def opened_since(received_on: str | None, day: date, type_: str) -> date:
    if received_on:
        return date.fromisoformat(received_on)
    return day + timedelta(days=1) if type_ in ENDS else day


async def list_hub_words(conn: Connection, youth_id: UUID) -> tuple[HubWord, ...]:
    """What was told of the youth's hub services: rows say only how they stand now."""
    rows = await conn.fetch(
        """
        SELECT event_id, event_type, convert_from(body, 'utf8')::jsonb AS body
          FROM event
         WHERE stream_id = $1 AND event_type = ANY ($2)
         ORDER BY sequence
        """,
        *(youth_id, list(HUBS)),
    )
    return tuple(hub_word(row["event_id"], row["event_type"], row["body"]) for row in rows)


def hub_word(event_id: UUID, type_: str, body: dict[str, Any]) -> HubWord:
    return HubWord(
        event_id,
        UUID(body["organisation_id"]),
        HubService(body["hub_service"]),
        date.fromisoformat(body["effective"]),
        type_ == HubEngaged.type,
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
