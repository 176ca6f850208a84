"""Who takes part in one telling of a story, and what they do together."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from deploy.demo.account import Account, Logs, draw_up
from deploy.demo.actors import World
from deploy.demo.children import HubOffice, children
from deploy.demo.journey import AGENCY_ZONE, Journey
from deploy.local.agency import AGENCY
from deploy.local.seed import hubs, payer_identifier

SESSIONS = 2
MINUTES = 75
SETTLING_SECONDS = 60


class Cast:
    """The children of one seed, their hubs, and the staff who serve them."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed = world, seed
        self.offices = [HubOffice(**hub) for hub in hubs()]
        self.hub_names = [office.name for office in self.offices]

    async def subscribe(self) -> None:
        """Each hub wants to be told of its referrals, and of the care that follows."""
        for name in self.hub_names:
            for topic in ("referral-progress", "care-progress"):
                await self.world.hub(name, "subscribe", {"topic": topic})

    def journeys(self, count: int) -> list[Journey]:
        """That many children, not yet referred."""
        today = self.world.now().astimezone(AGENCY_ZONE).date()
        payer, agency_npi = payer_identifier(), AGENCY["AGENCY_NPI"]
        return [
            Journey(self.world, child, agency_npi, payer)
            for child in children(self.seed, self.offices, count, today)
        ]

    async def serve(self, journeys: list[Journey]) -> None:
        """From the referral's acceptance to what the hub reads of the sessions."""
        await asyncio.gather(*(begin(journey, n) for n, journey in enumerate(journeys)))
        await self.see(journeys)

    async def see(self, journeys: list[Journey]) -> None:
        """The booked sessions of all of them are held, written down and read by their hubs."""
        ends = [datetime.fromisoformat(a["end"]) for j in journeys for a in j.appointments]
        self.world.skip_to(max(ends) + timedelta(hours=1))
        subs = await self.subs_by_staff_id()
        await asyncio.gather(*(journey.hold(subs[journey.mentor]) for journey in journeys))
        await asyncio.gather(*(journey.be_read() for journey in journeys))

    async def subs_by_staff_id(self) -> dict[str, str]:
        return await subs_by_staff_id(self.world)

    async def settled(
        self, referrals: Collection[str] | None = None, *, seconds: float = SETTLING_SECONDS
    ) -> Account:
        """The account, of these referrals or of all, once it is right or should have been."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            account = await self.account(referrals)
            if account.is_right or loop.time() > deadline:
                return account
            await asyncio.sleep(0.5)

    async def account(self, referrals: Collection[str] | None = None) -> Account:
        """The account of these referrals, or of all, as it now stands."""
        hubs = {hub: await self.world.hub_log(hub) for hub in self.hub_names}
        logs = Logs(hubs, await self.world.get("payer", "/log"))
        return await draw_up(self.world.at.dsn, logs, now=self.world.now(), only=referrals)


async def subs_by_staff_id(world: World) -> dict[str, str]:
    """Who signs in under which name: a mentor's id follows from issuer and name."""
    known = await world.get("identity", "/people")
    return {
        str(uuid5(NAMESPACE_URL, f"{known['issuer']}#{person['sub']}")): person["sub"]
        for person in known["people"]
    }


async def arrive(journey: Journey) -> None:
    """The hub refers the child; where something was missing, it is sent later."""
    await journey.refer()
    if journey.amended:
        await journey.amend()


async def begin(journey: Journey, number: int) -> None:
    await journey.be_accepted()
    await journey.attest()
    await journey.be_matched()
    await journey.book(times(journey, number), MINUTES)


def times(journey: Journey, number: int) -> list[datetime]:
    """Times of a child's own: no two children of a telling share an hour of the week."""
    today = journey.world.now().astimezone(AGENCY_ZONE)
    first = today.replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=1)
    slot = first + timedelta(days=number // 5, hours=2 * (number % 5))
    return [slot + timedelta(days=7 * week) for week in range(SESSIONS)]
