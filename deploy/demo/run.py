"""`make demo`: children go the whole way through a real stack, and every referral is accounted for.

Exit status 0 when each is where its own records say that it should be, 1 when one is not, 2 when
somebody refused what the story needs.
"""

import argparse
import asyncio
import random
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from rich.console import Console
from rich.table import Table

from deploy.demo.account import Account, draw_up
from deploy.demo.actors import Refusal, World
from deploy.demo.children import HubOffice, children, without_goals, without_hub_service
from deploy.demo.journey import AGENCY_ZONE, Journey
from deploy.local.machine import Missing
from deploy.local.seed import hubs, payer_identifier
from deploy.local.stack import AGENCY, Addresses, Stack

WHOLE_WAY = 7
SESSIONS = 2
MINUTES = 75
SETTLING_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    begin = time.monotonic()
    try:
        addresses = Stack(options.home).up()
        print(f"Up after {time.monotonic() - begin:.1f} s. SEED={options.seed}", flush=True)
        right = asyncio.run(demonstrate(addresses, options.seed))
    except (Missing, Refusal, TimeoutError) as error:
        sys.exit(f"{error}")
    print(f"Done after {time.monotonic() - begin:.1f} s.")
    sys.exit(0 if right else 1)


async def demonstrate(addresses: Addresses, seed: int) -> bool:
    """Play the story of one seed, then account for all that this stack has ever received."""
    world = World(addresses, run=f"demo-{seed}")
    today = world.now().astimezone(AGENCY_ZONE).date()
    offices = [HubOffice(**hub) for hub in hubs()]
    for office in offices:
        for topic in ("referral-progress", "care-progress"):
            await world.hub(office.name, "subscribe", {"topic": topic})
    cast = children(seed, offices, WHOLE_WAY + 1, today)
    journeys = [Journey(world, child, AGENCY["AGENCY_NPI"], payer_identifier()) for child in cast]
    journeys[1].sent = 3
    journeys[2].child, journeys[2].amended = without_goals(cast[2]), True
    journeys[-1].child = without_hub_service(cast[-1])
    await asyncio.gather(*(arrive(journey) for journey in journeys))
    served = journeys[:-1]
    await asyncio.gather(*(be_served(journey, number) for number, journey in enumerate(served)))
    last = max(datetime.fromisoformat(a["end"]) for j in served for a in j.appointments)
    world.skip_to(last + timedelta(hours=1))
    print(f"  Business time moves on to {world.now().astimezone(AGENCY_ZONE):%A, %d %B %Y, %H:%M}.")
    subs = await subs_by_staff_id(world)
    await asyncio.gather(*(journey.hold(subs[journey.mentor]) for journey in served))
    await asyncio.gather(*(journey.be_read() for journey in served))
    account = await settled(world, [office.name for office in offices])
    show(account)
    show_addresses(addresses, journeys[0])
    return account.is_right


async def arrive(journey: Journey) -> None:
    await journey.refer()
    if journey.amended:
        await journey.amend()


async def be_served(journey: Journey, number: int) -> None:
    await journey.be_accepted()
    await journey.attest()
    await journey.be_matched()
    await journey.book(times(journey, number), MINUTES)


def times(journey: Journey, number: int) -> list[datetime]:
    """Times of a child's own: no two children of the story share an hour of the week."""
    today = journey.world.now().astimezone(AGENCY_ZONE)
    first = today.replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=1)
    slot = first + timedelta(days=number // 5, hours=2 * (number % 5))
    return [slot + timedelta(days=7 * week) for week in range(SESSIONS)]


async def subs_by_staff_id(world: World) -> dict[str, str]:
    """Who signs in under which name: a mentor's id follows from issuer and name."""
    known = await world.get("identity", "/people")
    return {
        str(uuid5(NAMESPACE_URL, f"{known['issuer']}#{person['sub']}")): person["sub"]
        for person in known["people"]
    }


async def settled(world: World, hubs: list[str]) -> Account:
    """The account once it is right, or as it stands when it should have been."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while True:
        logs = {hub: await world.hub_log(hub) for hub in hubs}
        account = await draw_up(world.at.dsn, logs)
        if account.is_right or time.monotonic() > deadline:
            return account
        await asyncio.sleep(0.5)


def show(account: Account) -> None:
    console = Console(width=150)
    table = Table(title="Every referral, from the four databases and the hubs' own logs")
    for name in ("referral", "hub", "state", "Task", "episode"):
        table.add_column(name, no_wrap=True)
    for name in ("booked", "held", "goals", "hub told (Task / sessions)"):
        table.add_column(name, justify="right")
    table.add_column("")
    for line in account.lines:
        table.add_row(
            line.placer.rpartition("|")[2],
            line.hub,
            line.state,
            f"{line.task} ({line.business})",
            line.episode,
            *(str(n) for n in (line.booked, line.sessions, line.goals)),
            f"{line.heard_of_task} / {line.heard_of_sessions}",
            "[red]" + "; ".join(line.problems) if line.problems else "[green]as it should be",
        )
    console.print(table)
    told = ", ".join(f"{name} {number}" for name, number in account.events.items())
    console.print(f"Events told: {told}.")
    faults = ", ".join(f"{name} {number}" for name, number in sorted(account.faults.items()))
    console.print(f"Between the services: {faults}.")
    if account.unknown:
        console.print(f"[red]Accepted from a hub, but in no database: {account.unknown}")


def show_addresses(addresses: Addresses, journey: Journey) -> None:
    print(
        f"""
The stack goes on running. To look at:
  FHIR base URL          {addresses.fhir}
  a hub's log            {addresses.simulators["hub"]}/hubs/{journey.hub}/log
  the payer's log        {addresses.simulators["payer"]}/log
  a journey, event by event
                         .venv/bin/python -m services.cli story {journey.referral_id}
  metrics of a service   {addresses.ops["referral"]}/metrics
  logs                   {addresses.home}/log
  stop it                make down
"""
    )


if __name__ == "__main__":
    main()
