"""The waiting list and episodes, and all that is known about one referral."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from contracts.codes import Attestation, HubService, Priority
from services.chassis.db import Connection, Record
from services.scheduling.domain.episodes import (
    EndReason,
    Episode,
    EpisodeState,
    GateOne,
    HoldReason,
    HubSpan,
    Standing,
    WaitState,
)
from services.scheduling.domain.matching import Wish
from services.scheduling.domain.people import Gender
from services.scheduling.domain.waitlist import Entry
from services.scheduling.store.people import windows_of


async def standing(
    conn: Connection, referral_id: UUID, youth_id: UUID, *, at: datetime
) -> Standing:
    """All facts about one referral; what has not come is None or empty.

    `at` tells whether a consent has taken effect.
    """
    row = await conn.fetchrow(
        """
        SELECT r.received_on, e.referral_id IS NOT NULL AS ended,
               g.stands, g.valid_from, g.valid_to,
               w.state AS wait, p.state AS episode,
               EXISTS (SELECT FROM assignment a
                        WHERE a.referral_id = $1 AND a.ended IS NULL) AS assigned,
               ARRAY (SELECT kind FROM attestation a
                       WHERE a.referral_id = $1 AND a.stands) AS attested,
               (SELECT stands FROM consent
                 WHERE youth_id = $2 AND kind = 'treatment' AND organisation_id IS NULL
                   AND effective_at <= $3) AS treatment,
               (SELECT stands FROM consent
                 WHERE youth_id = $2 AND kind = 'roi_hub' AND effective_at <= $3
                   AND organisation_id = r.organisation_id) AS release,
               (SELECT coalesce(jsonb_agg(jsonb_build_array(engaged, ended)), '[]')
                  FROM hub_service WHERE youth_id = $2) AS hubs
          FROM (SELECT $1::uuid AS referral_id) AS asked
          LEFT JOIN request r USING (referral_id)
          LEFT JOIN referral_end e USING (referral_id)
          LEFT JOIN gate_one g USING (referral_id)
          LEFT JOIN waitlist_entry w USING (referral_id)
          LEFT JOIN episode p USING (referral_id)
        """,
        *(referral_id, youth_id, at),
    )
    assert row is not None  # noqa: S101 (the first table of the join has exactly one row)
    return Standing(
        referral_id,
        received_on=row["received_on"],
        ended=row["ended"],
        gate_one=gate_one_of(row),
        attested=attested(row),
        treatment_revoked=row["treatment"] is False,
        hubs=hubs_of(row["hubs"]),
        assigned=row["assigned"],
        wait=WaitState(row["wait"]) if row["wait"] else None,
        episode=EpisodeState(row["episode"]) if row["episode"] else None,
    )


def gate_one_of(row: Record) -> GateOne | None:
    if row["stands"] is None:
        return None
    return GateOne(row["stands"], row["valid_from"], row["valid_to"])


def attested(row: Record) -> frozenset[Attestation]:
    """Documents and necessity as attested; the consents as they were granted."""
    kinds = {Attestation(kind) for kind in row["attested"]}
    kinds -= {Attestation.CONSENT_TREATMENT, Attestation.CONSENT_ROI_HUB}
    if row["treatment"]:
        kinds.add(Attestation.CONSENT_TREATMENT)
    if row["release"]:
        kinds.add(Attestation.CONSENT_ROI_HUB)
    return frozenset(kinds)


def hubs_of(spans: Sequence[Sequence[str | None]]) -> tuple[HubSpan, ...]:
    return tuple(HubSpan(day_of(engaged), day_of(ended)) for engaged, ended in spans)


def day_of(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


# --- The waiting list ----------------------------------------------------------------------------


async def add_waitlist_entry(
    conn: Connection, referral_id: UUID, youth_id: UUID, *, wait_started: date
) -> None:
    """Put a referral on the list, or back on it: the day from which it waits is kept."""
    await conn.execute(
        """
        INSERT INTO waitlist_entry (referral_id, youth_id, wait_started, state)
        VALUES ($1, $2, $3, 'waiting')
            ON CONFLICT (referral_id) DO UPDATE SET state = 'waiting'
        """,
        *(referral_id, youth_id, wait_started),
    )


async def update_waitlist_entry(conn: Connection, referral_id: UUID, state: WaitState) -> None:
    await conn.execute(
        "UPDATE waitlist_entry SET state = $2 WHERE referral_id = $1", *(referral_id, state)
    )


async def list_waitlist(
    conn: Connection, *, states: Collection[WaitState], referral_id: UUID | None = None
) -> tuple[Entry, ...]:
    """Entries in these states, all or of one referral, in no order; see `domain.waitlist`."""
    rows = await conn.fetch(
        """
        SELECT w.referral_id, w.youth_id, w.wait_started, w.state, r.priority, r.hub_service,
               r.languages, r.interpreter_needed, r.gender_required, r.gender_preferred, r.area,
               r.hours_per_week, r.windows,
               ARRAY (SELECT mentor_id FROM assignment
                       WHERE youth_id = w.youth_id) AS mentors_before,
               a.mentor_id, p.episode_id, p.state AS episode_state,
               (SELECT max(ended) FROM assignment WHERE referral_id = w.referral_id) AS gap_since
          FROM waitlist_entry w
          JOIN request r USING (referral_id)
          LEFT JOIN assignment a ON a.referral_id = w.referral_id AND a.ended IS NULL
          LEFT JOIN episode p ON p.referral_id = w.referral_id
         WHERE w.state = ANY ($1::text[])
           AND ($2::uuid IS NULL OR w.referral_id = $2)
        """,
        *([str(state) for state in states], referral_id),
    )
    return tuple(entry_of(row) for row in rows)


def entry_of(row: Record) -> Entry:
    return Entry(
        row["referral_id"],
        row["youth_id"],
        row["wait_started"],
        state=WaitState(row["state"]),
        priority=Priority(row["priority"]),
        hub_service=HubService(row["hub_service"]) if row["hub_service"] else None,
        wish=wish_of(row),
        mentor_id=row["mentor_id"],
        episode_id=row["episode_id"],
        episode_state=EpisodeState(row["episode_state"]) if row["episode_state"] else None,
        gap_since=None if row["mentor_id"] else row["gap_since"],
    )


def wish_of(row: Record) -> Wish:
    return Wish(
        languages=tuple(row["languages"]),
        interpreter_needed=row["interpreter_needed"],
        gender_required=gender_of(row["gender_required"]),
        gender_preferred=gender_of(row["gender_preferred"]),
        area=row["area"],
        hours_per_week=row["hours_per_week"],
        windows=windows_of(row["windows"]),
        mentors_before=frozenset(row["mentors_before"]),
    )


def gender_of(code: str | None) -> Gender | None:
    return Gender(code) if code else None


# --- Episodes ------------------------------------------------------------------------------------


async def add_episode(
    conn: Connection, episode_id: UUID, referral_id: UUID, youth_id: UUID
) -> None:
    """An episode that waits for gate 2."""
    await conn.execute(
        """
        INSERT INTO episode (episode_id, referral_id, youth_id, state)
        VALUES ($1, $2, $3, 'pending')
            ON CONFLICT (referral_id) DO UPDATE
           SET state = 'pending', closed_on = NULL, close_reason = NULL, closed_by = NULL,
               attempts = '{}', version = episode.version + 1, updated_at = now()
         WHERE episode.state = 'closed'
        """,
        *(episode_id, referral_id, youth_id),
    )


async def update_episode(
    conn: Connection,
    referral_id: UUID,
    state: EpisodeState,
    *,
    opened_on: date | None = None,
    hold_reason: HoldReason | None = None,
) -> None:
    """Move an episode; the day on which it opened is kept once it has one."""
    await conn.execute(
        """
        UPDATE episode
           SET state = $2, opened_on = coalesce(opened_on, $3), hold_reason = $4,
               version = version + 1, updated_at = now()
         WHERE referral_id = $1
        """,
        *(referral_id, state, opened_on, hold_reason),
    )


async def update_episode_closed(
    conn: Connection,
    episode_id: UUID,
    *,
    closed_on: date,
    reason: EndReason,
    closed_by: UUID,
    attempts: Sequence[date],
) -> None:
    """End an episode; `closed_on` is its last day."""
    await conn.execute(
        """
        UPDATE episode
           SET state = 'closed', hold_reason = NULL, closed_on = $2, close_reason = $3,
               closed_by = $4, attempts = $5, version = version + 1, updated_at = now()
         WHERE episode_id = $1
        """,
        *(episode_id, closed_on, reason, closed_by, attempts),
    )


async def episode_by_referral(conn: Connection, referral_id: UUID) -> Episode | None:
    return await episode(conn, referral_id=referral_id)


async def episode_by_id(conn: Connection, episode_id: UUID) -> Episode | None:
    return await episode(conn, episode_id=episode_id)


async def episode(
    conn: Connection, *, episode_id: UUID | None = None, referral_id: UUID | None = None
) -> Episode | None:
    """By one or the other: a referral has one episode."""
    row = await conn.fetchrow(
        """
        SELECT p.episode_id, p.referral_id, p.youth_id, p.state, p.opened_on, p.hold_reason,
               p.closed_on, p.close_reason, a.supervisor_id, p.version, p.updated_at
          FROM episode p
          LEFT JOIN assignment a ON a.referral_id = p.referral_id AND a.ended IS NULL
         WHERE p.episode_id = $1 OR p.referral_id = $2
        """,
        *(episode_id, referral_id),
    )
    return episode_of(row) if row else None


def episode_of(row: Record) -> Episode:
    return Episode(
        row["episode_id"],
        row["referral_id"],
        row["youth_id"],
        state=EpisodeState(row["state"]),
        opened_on=row["opened_on"],
        supervisor_id=row["supervisor_id"],
        version=row["version"],
        updated_at=row["updated_at"],
        hold_reason=HoldReason(row["hold_reason"]) if row["hold_reason"] else None,
        closed_on=row["closed_on"],
        close_reason=EndReason(row["close_reason"]) if row["close_reason"] else None,
    )
