"""One child, two numbers of a payer's: linked by a person, unlinked where that was wrong (S16).

The links are a fact of staff like others, so that they outlast the hub's amendments.
"""

import re
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.events import YouthIdentityLinked
from contracts.rules import RulePack
from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.errors import Conflict, NotFound, Refused
from services.referral.commands.facts import learn
from services.referral.commands.fill_in import link_coverage_id
from services.referral.domain.eligibility import Facts
from services.referral.domain.intake import Identifier
from services.referral.mapping.terms import MASSHEALTH_MEMBER
from services.referral.store import identities, payers, staff_facts, standings
from services.referral.store.referrals import referral_facts

TWELVE_DIGITS = re.compile(r"[0-9]{12}")


async def link(
    conn: Connection,
    referral_id: UUID,
    *,
    payer_id: UUID,
    member_id: str,
    begins: date | None,
    ends: date | None,
    staff_id: UUID,
    now: datetime,
    rules: RulePack | None = None,
) -> UUID:
    """Link one more number, and ask its payer too; the same number again changes nothing.

    One chart: the youth stays one. Which number counts on a day is what the payer says of it.
    """
    facts, links = await known(conn, referral_id)
    if not TWELVE_DIGITS.fullmatch(member_id):
        raise Refused("member-id-not-valid", "A MassHealth id has twelve digits.")
    if await payers.organisation_by_id(conn, payer_id) is None:
        raise Refused("payer-unknown", "Register the payer first, then name it by its id.")
    same = (str(payer_id), member_id)
    for one in links:
        if one["stands"] and (one["payer_id"], one["member_id"]) == same:
            return UUID(one["identity_id"])
    if member_id in {coverage.member_id for coverage in facts.coverages}:
        raise Conflict("number-known", "The youth is known by this number already.")
    number = Identifier(MASSHEALTH_MEMBER, member_id)
    made = {
        "identity_id": str(uuid4()),
        "payer_id": str(payer_id),
        "member_id": member_id,
        "begins": begins and begins.isoformat(),
        "ends": ends and ends.isoformat(),
        "stands": True,
        "is_new": await identities.add_number(conn, facts.youth_id, facts.organisation_id, number),
    }
    await tell(conn, facts, made, now=now)
    learned = {"identities": {"links": [*links, made]}}
    await learn(conn, referral_id, learned, staff_id=staff_id, now=now, rules=rules)
    return UUID(str(made["identity_id"]))


async def unlink(
    conn: Connection,
    referral_id: UUID,
    identity_id: UUID,
    *,
    staff_id: UUID,
    now: datetime,
    rules: RulePack | None = None,
) -> None:
    """Take a link back: the number was another child's."""
    facts, links = await known(conn, referral_id)
    found = next((one for one in links if one["identity_id"] == str(identity_id)), None)
    if found is None:
        raise NotFound("identity-unknown", "There is no such link.")
    if not found["stands"]:
        return
    after = [one | {"stands": False} if one is found else one for one in links]
    if found["is_new"]:
        number = Identifier(MASSHEALTH_MEMBER, found["member_id"])
        await identities.remove_number(conn, facts.youth_id, facts.organisation_id, number)
    await identities.update_unnamed(conn, link_coverage_id(facts, found))
    await tell(conn, facts, found | {"stands": False}, now=now)
    learned = {"identities": {"links": after}}
    await learn(conn, referral_id, learned, staff_id=staff_id, now=now, rules=rules)


async def known(conn: Connection, referral_id: UUID) -> tuple[Facts, list[dict[str, Any]]]:
    """The referral, held, and its links so far."""
    if await standings.lock_referral(conn, referral_id) is None:
        raise NotFound("referral-unknown", "There is no such referral.")
    learned = await staff_facts.list_staff_facts(conn, referral_id)
    links: list[dict[str, Any]] = learned.get("identities", {}).get("links", [])
    return await referral_facts(conn, referral_id), links


async def tell(conn: Connection, facts: Facts, made: dict[str, Any], *, now: datetime) -> None:
    event = YouthIdentityLinked(
        youth_id=facts.youth_id,
        identity_id=UUID(str(made["identity_id"])),
        stands=bool(made["stands"]),
    )
    await outbox.append(conn, event, at=now)
