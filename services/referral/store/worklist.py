"""Referrals as staff see them: states, what is missing, who it is."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from contracts.codes import ReferralState
from services.chassis.db import Connection, Record


@dataclass(frozen=True, slots=True)
class Listed:
    """One referral on the list. Names are for the screen and its audit record alone."""

    referral_id: UUID
    youth_id: UUID
    organisation_id: UUID
    organisation: str | None
    version: int
    state: ReferralState
    priority: str
    received_at: datetime
    received_on: date
    hub_service: str | None
    do_not_contact: bool
    family: str | None
    given: tuple[str, ...]
    preferred: str | None
    birth_date: date | None
    determination_id: UUID | None
    has_mentor: bool
    hold_reason: str | None
    first_session: datetime | None
    withdrawal_asked: bool


async def list_referrals(
    conn: Connection, *, states: tuple[ReferralState, ...] | None, limit: int
) -> list[Listed]:
    """The longest waiting first."""
    rows = await conn.fetch(
        """
        SELECT r.referral_id, r.youth_id, r.organisation_id, o.name AS organisation, r.version,
               r.state, r.priority, r.received_at, r.received_on, r.hub_service,
               r.do_not_contact, y.family, y.given, y.preferred, y.birth_date,
               s.determination_id, coalesce(s.has_mentor, false) AS has_mentor, s.hold_reason,
               s.first_session, coalesce(s.withdrawal_asked, false) AS withdrawal_asked
          FROM referral r
          JOIN youth y USING (youth_id)
          LEFT JOIN partner_organisation o ON o.organisation_id = r.organisation_id
          LEFT JOIN standing s USING (referral_id)
         WHERE ($1::text[] IS NULL OR r.state = ANY ($1))
         ORDER BY r.received_at, r.referral_id
         LIMIT $2
        """,
        *(None if states is None else list(states), limit),
    )
    return [listed(row) for row in rows]


async def referral_by_id(conn: Connection, referral_id: UUID) -> Listed | None:
    row = await conn.fetchrow(
        """
        SELECT r.referral_id, r.youth_id, r.organisation_id, o.name AS organisation, r.version,
               r.state, r.priority, r.received_at, r.received_on, r.hub_service,
               r.do_not_contact, y.family, y.given, y.preferred, y.birth_date,
               s.determination_id, coalesce(s.has_mentor, false) AS has_mentor, s.hold_reason,
               s.first_session, coalesce(s.withdrawal_asked, false) AS withdrawal_asked
          FROM referral r
          JOIN youth y USING (youth_id)
          LEFT JOIN partner_organisation o ON o.organisation_id = r.organisation_id
          LEFT JOIN standing s USING (referral_id)
         WHERE r.referral_id = $1
        """,
        referral_id,
    )
    return listed(row) if row else None


def listed(row: Record) -> Listed:
    fields = dict(row) | {"state": ReferralState(row["state"]), "given": tuple(row["given"])}
    return Listed(**fields)
