"""Hub services that were named for a referral, and since when each was announced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from contracts.codes import HubService
from services.chassis.db import Connection
from services.referral.domain.eligibility import HubEnrolment


@dataclass(frozen=True, slots=True)
class Engaged:
    """A hub service that HubEngaged has told of."""

    enrolment_id: UUID
    organisation_id: UUID
    hub_service: HubService
    engaged_from: date


async def list_engaged(conn: Connection, referral_id: UUID) -> list[Engaged]:
    """What has been told of a referral, and of what was joined with it."""
    rows = await conn.fetch(
        """
        SELECT enrolment_id, organisation_id, hub_service, engaged_from
          FROM hub_enrolment h
          JOIN referral_part part ON part.part_id = h.referral_id
         WHERE part.referral_id = $1 AND engaged_from IS NOT NULL
        """,
        referral_id,
    )
    return [
        Engaged(
            *(row["enrolment_id"], row["organisation_id"]),
            HubService(row["hub_service"]),
            row["engaged_from"],
        )
        for row in rows
    ]


async def add_hubs(
    conn: Connection,
    youth_id: UUID,
    referral_id: UUID,
    hubs: Sequence[HubEnrolment],
    engaged_from: Mapping[UUID, date],
    *,
    by_staff: UUID,
) -> None:
    """Store the hub services that now stand as evidence; what is evidence no more goes.

    `by_staff`: the one that staff named, if any. What hubs send does not touch it.
    """
    await conn.execute(
        """
        WITH told AS (
            INSERT INTO hub_enrolment (enrolment_id, referral_id, youth_id, organisation_id,
                                       hub_service, begins, ends, holds, engaged_from)
            SELECT t.enrolment_id, $2, $1, t.organisation_id, t.hub_service, t.begins, t.ends,
                   t.holds, t.engaged_from
              FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::date[], $7::date[],
                          $8::boolean[], $9::date[])
                AS t (enrolment_id, organisation_id, hub_service, begins, ends, holds,
                      engaged_from)
                ON CONFLICT (enrolment_id) DO UPDATE
               SET referral_id = $2, organisation_id = excluded.organisation_id,
                   hub_service = excluded.hub_service, begins = excluded.begins,
                   ends = excluded.ends, holds = excluded.holds,
                   engaged_from = excluded.engaged_from, updated_at = now()
        )
        DELETE FROM hub_enrolment
         WHERE referral_id = $2 AND enrolment_id <> ALL ($3::uuid[]) AND enrolment_id <> $10
        """,
        youth_id,
        referral_id,
        [hub.enrolment_id for hub in hubs],
        [hub.organisation_id for hub in hubs],
        [hub.hub_service for hub in hubs],
        [hub.begins for hub in hubs],
        [hub.ends for hub in hubs],
        [hub.holds for hub in hubs],
        [engaged_from.get(hub.enrolment_id) for hub in hubs],
        by_staff,
    )


async def update_engaged(
    conn: Connection, referral_id: UUID, engaged_from: Mapping[UUID, date]
) -> None:
    """Keep since when each hub service has been told as active; those left out are not."""
    await conn.execute(
        """
        UPDATE hub_enrolment h
           SET engaged_from = t.since, updated_at = now()
          FROM hub_enrolment own
          JOIN referral_part part ON part.part_id = own.referral_id
          LEFT JOIN unnest($2::uuid[], $3::date[]) AS t (enrolment_id, since)
            ON t.enrolment_id = own.enrolment_id
         WHERE h.enrolment_id = own.enrolment_id AND part.referral_id = $1
        """,
        *(referral_id, list(engaged_from), list(engaged_from.values())),
    )
