"""What staff attested, and which consents stand: every act a row, the last one counts."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from contracts.codes import Attestation, ConsentKind
from services.chassis.db import Connection


@dataclass(frozen=True, slots=True)
class Attested:
    """One staff act. `given_by` and `evidence` are for people and never leave this database."""

    attestation_id: UUID
    referral_id: UUID
    kind: Attestation
    stands: bool
    given_by: str | None
    given_on: date | None
    evidence: str | None
    staff_id: UUID
    recorded_at: datetime
    organisation_id: UUID | None = None  # of a release to another hub than the one that asked


async def add_attestation(conn: Connection, act: Attested) -> None:
    await conn.execute(
        """
        INSERT INTO attestation (attestation_id, referral_id, kind, stands, given_by, given_on,
                                 evidence, staff_id, recorded_at, organisation_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        *(act.attestation_id, act.referral_id, act.kind, act.stands, act.given_by),
        *(act.given_on, act.evidence, act.staff_id, act.recorded_at, act.organisation_id),
    )


async def list_attestations(conn: Connection, referral_id: UUID) -> dict[Attestation, bool]:
    """Whether each kind stands, by its last act; kinds without any act are absent.

    A release counts that goes to the hub that asked.
    """
    rows = await conn.fetch(
        """
        SELECT DISTINCT ON (kind) kind, stands
          FROM attestation
         WHERE referral_id = $1 AND organisation_id IS NULL
         ORDER BY kind, number DESC
        """,
        referral_id,
    )
    return {Attestation(row["kind"]): row["stands"] for row in rows}


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent granted or revoked. A release names the organisation it goes to."""

    consent_id: UUID
    youth_id: UUID
    referral_id: UUID
    kind: ConsentKind
    organisation_id: UUID | None
    stands: bool
    effective_at: datetime


async def add_consent(conn: Connection, consent: Consent) -> None:
    await conn.execute(
        """
        INSERT INTO consent (consent_id, youth_id, referral_id, kind, organisation_id, stands,
                             effective_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        *(consent.consent_id, consent.youth_id, consent.referral_id, consent.kind),
        *(consent.organisation_id, consent.stands, consent.effective_at),
    )


async def consent_by_youth(
    conn: Connection,
    youth_id: UUID,
    kind: ConsentKind,
    organisation_id: UUID | None,
    *,
    now: datetime,
) -> bool:
    """Whether a consent stands at a moment: the last act that took effect by then, else no."""
    stands = await conn.fetchval(
        """
        SELECT stands
          FROM consent
         WHERE youth_id = $1
           AND kind = $2
           AND organisation_id IS NOT DISTINCT FROM $3
           AND effective_at <= $4
         ORDER BY number DESC
         LIMIT 1
        """,
        *(youth_id, kind, organisation_id, now),
    )
    return stands is True


async def hub_by_youth(
    conn: Connection, youth_id: UUID, organisation_id: UUID, *, on: date
) -> bool:
    """Whether an organisation is an active hub of a youth on a day."""
    active = await conn.fetchval(
        """
        SELECT true
          FROM hub_enrolment
         WHERE youth_id IN (SELECT part_id FROM youth_part WHERE youth_part.youth_id = $1)
           AND organisation_id = $2
           AND holds
           AND hub_service IS NOT NULL
           AND $3 BETWEEN coalesce(begins, '-infinity') AND coalesce(ends, 'infinity')
         LIMIT 1
        """,
        *(youth_id, organisation_id, on),
    )
    return active is True
