"""A rule pack was put in force: who waits because of the one before is looked at again."""

from datetime import datetime
from uuid import UUID

from services.chassis import work
from services.chassis.db import Connection
from services.chassis.rule_packs import in_force, refresh
from services.referral.commands.triage import triage
from services.referral.store import merges, standings

CHANGED, LOOK_AGAIN = "rules-changed", "look-again"


async def look_at_all_again(conn: Connection, *, now: datetime) -> None:
    """Add work for each referral that waits or was denied; one piece each, so that none blocks."""
    for referral_id in await standings.list_refused(conn):
        payload = {"referral_id": str(referral_id)}
        await work.add(conn, LOOK_AGAIN, payload, due_at=now, lane=None)


async def look_again(conn: Connection, referral_id: UUID, *, now: datetime) -> None:
    """Decide anew by the newest pack; what a later pack changes counts from now on.

    A referral that was joined is looked at as a part of the one that goes on.

    Source: DOMAIN.md section 5.1, `incomplete|ineligible --new fact: … rule pack--> triage`.
    """
    await refresh(conn)  # this process may not have looked since the pack was seeded
    merge = await merges.merge_by_referral(conn, referral_id)
    survivor = merge.survivor_id if merge else referral_id
    await triage(conn, survivor, now=now, rules=in_force())
