"""What referral says of each youth, kept as it now stands; whatever comes first is kept."""

from datetime import date
from uuid import UUID

from contracts.codes import Attestation
from services.chassis.db import Connection
from services.scheduling.domain.told import ConsentWord, GateWord, HubWord, Request
from services.scheduling.store.people import as_json


async def lock_youth(conn: Connection, youth_id: UUID) -> None:
    """Hold a youth until the transaction ends, known or not.

    Two facts that are recorded at the same moment would each miss the other, and what needs both
    would never happen.
    """
    await conn.execute(
        """
        INSERT INTO youth (youth_id)
        VALUES ($1)
            ON CONFLICT (youth_id) DO UPDATE SET youth_id = EXCLUDED.youth_id
        """,
        youth_id,
    )


async def add_request(conn: Connection, request: Request) -> None:
    """Keep what a referral asks for; an older version than the one we have changes nothing."""
    wish = request.wish
    await conn.execute(
        """
        INSERT INTO request AS r
               (referral_id, youth_id, version, organisation_id, hub_service, priority,
                received_on, languages, interpreter_needed, gender_required, gender_preferred,
                area, hours_per_week, windows)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            ON CONFLICT (referral_id) DO UPDATE
           SET version = EXCLUDED.version, organisation_id = EXCLUDED.organisation_id,
               hub_service = EXCLUDED.hub_service, priority = EXCLUDED.priority,
               languages = EXCLUDED.languages,
               interpreter_needed = EXCLUDED.interpreter_needed,
               gender_required = EXCLUDED.gender_required,
               gender_preferred = EXCLUDED.gender_preferred, area = EXCLUDED.area,
               hours_per_week = EXCLUDED.hours_per_week, windows = EXCLUDED.windows
         WHERE r.version < EXCLUDED.version
        """,
        *(request.referral_id, request.youth_id, request.version, request.organisation_id),
        *(request.hub_service, request.priority, request.received_on),
        *(list(wish.languages), wish.interpreter_needed, wish.gender_required),
        *(wish.gender_preferred, wish.area, wish.hours_per_week, as_json(wish.windows)),
    )


async def add_referral_end(
    conn: Connection, referral_id: UUID, youth_id: UUID, *, reason: str
) -> None:
    await conn.execute(
        """
        INSERT INTO referral_end (referral_id, youth_id, reason)
        VALUES ($1, $2, $3)
            ON CONFLICT (referral_id) DO NOTHING
        """,
        *(referral_id, youth_id, reason),
    )


async def remove_referral_end(conn: Connection, referral_id: UUID) -> None:
    """The referral goes on: its place on the list, if it had left, is held with its day."""
    await conn.execute(
        """
        WITH gone AS (DELETE FROM referral_end WHERE referral_id = $1)
        UPDATE waitlist_entry SET state = 'held' WHERE referral_id = $1 AND state = 'left'
        """,
        referral_id,
    )


async def add_gate_one(conn: Connection, word: GateWord) -> None:
    """Keep the last word on gate 1."""
    await conn.execute(
        """
        INSERT INTO gate_one (referral_id, youth_id, stands, payer, valid_from, valid_to)
        VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (referral_id) DO UPDATE
           SET stands = EXCLUDED.stands, payer = EXCLUDED.payer,
               valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to
        """,
        *(word.referral_id, word.youth_id, word.stands, word.payer),
        *(word.valid_from, word.valid_to),
    )


async def add_coverage_lapse(
    conn: Connection, youth_id: UUID, payer: UUID, *, effective: date
) -> None:
    await conn.execute(
        """
        INSERT INTO coverage_lapse (youth_id, payer, effective)
        VALUES ($1, $2, $3)
            ON CONFLICT (youth_id, payer) DO UPDATE SET effective = EXCLUDED.effective
        """,
        *(youth_id, payer, effective),
    )


async def remove_coverage_lapse(conn: Connection, youth_id: UUID, payer: UUID) -> None:
    """A later determination knows better."""
    await conn.execute(
        "DELETE FROM coverage_lapse WHERE youth_id = $1 AND payer = $2", *(youth_id, payer)
    )


async def add_attestation(
    conn: Connection, referral_id: UUID, youth_id: UUID, *, kind: Attestation, stands: bool
) -> None:
    await conn.execute(
        """
        INSERT INTO attestation (referral_id, kind, youth_id, stands)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (referral_id, kind) DO UPDATE SET stands = EXCLUDED.stands
        """,
        *(referral_id, kind, youth_id, stands),
    )


async def add_consent(conn: Connection, word: ConsentWord) -> None:
    await conn.execute(
        """
        INSERT INTO consent (youth_id, kind, organisation_id, stands, effective_at)
        VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT ON CONSTRAINT consent_is_one DO UPDATE
           SET stands = EXCLUDED.stands, effective_at = EXCLUDED.effective_at
        """,
        *(word.youth_id, word.kind, word.organisation_id, word.stands, word.effective_at),
    )


async def add_hub_engaged(conn: Connection, word: HubWord) -> None:
    """A hub service began, or began again after an end; told twice, the first day counts."""
    await conn.execute(
        """
        INSERT INTO hub_service AS h (youth_id, organisation_id, hub_service, engaged)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (youth_id, organisation_id, hub_service) DO UPDATE
           SET engaged = CASE WHEN h.ended IS NULL THEN least(h.engaged, EXCLUDED.engaged)
                              ELSE EXCLUDED.engaged END,
               ended = NULL
        """,
        *(word.youth_id, word.organisation_id, word.service, word.effective),
    )


async def add_hub_ended(conn: Connection, word: HubWord) -> None:
    """A hub service ended, on the first day without."""
    await conn.execute(
        """
        INSERT INTO hub_service (youth_id, organisation_id, hub_service, ended)
        VALUES ($1, $2, $3, $4)
            ON CONFLICT (youth_id, organisation_id, hub_service) DO UPDATE
           SET ended = EXCLUDED.ended
        """,
        *(word.youth_id, word.organisation_id, word.service, word.effective),
    )


async def list_referrals(conn: Connection, youth_id: UUID) -> list[UUID]:
    """The referrals of a youth, in a stable order."""
    rows = await conn.fetch(
        "SELECT referral_id FROM request WHERE youth_id = $1 ORDER BY referral_id", youth_id
    )
    return [row["referral_id"] for row in rows]
