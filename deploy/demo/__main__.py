"""`make demo`: children go the whole way through a real stack, and every referral is accounted for.

Exit status 0 when each is where its own records say that it should be, 1 when one is not, 2 when
somebody refused what the story needs.
"""

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.demo.account import Account
from deploy.demo.actors import Refusal, World
from deploy.demo.cast import Cast, arrive
from deploy.demo.children import without_goals, without_hub_service
from deploy.demo.journey import Journey
from deploy.demo.trace import trace_page
from deploy.local.machine import Missing
from deploy.local.stack import Addresses, Stack

WHOLE_WAY = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**5))
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
    cast = Cast(world, seed)
    await cast.subscribe()
    journeys = cast.journeys(WHOLE_WAY + 1)
    journeys[1].sent = 3
    journeys[2].child, journeys[2].amended = without_goals(journeys[2].child), True
    journeys[-1].child = without_hub_service(journeys[-1].child)
    await asyncio.gather(*map(arrive, journeys))
    await cast.serve(journeys[:-1])
    account = await cast.settled()
    show(account)
    trace = await trace_page(addresses, journeys[0].referral_id)
    show_addresses(addresses, journeys[0], trace)
    return account.is_right


def show(account: Account) -> None:
    console = Console(width=150)
    table = Table(title="Every referral, from the four databases and the hubs' own logs")
    for name in ("referral", "hub", "state", "Task", "episode"):
        table.add_column(name, no_wrap=True)
    for name in ("booked", "held", "goals", "told of Task", "of sessions"):
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
            str(line.heard_of_task),
            str(line.heard_of_sessions),
            "[red]" + "; ".join(line.problems) if line.problems else "[green]right",
        )
    console.print(table)
    told = ", ".join(f"{name} {number}" for name, number in account.events.items())
    console.print(f"Events told: {told}.")
    console.print(f"Between the services: {account.wrongs}.")
    if account.unknown:
        console.print(f"[red]Accepted from a hub, but in no database: {account.unknown}")


def show_addresses(addresses: Addresses, journey: Journey, trace: str) -> None:
    print(
        f"""
The stack goes on running. To look at:
  FHIR base URL          {addresses.fhir}
  a hub's log            {addresses.simulators["hub"]}/hubs/{journey.hub}/log
  the payer's log        {addresses.simulators["payer"]}/log
  a journey, event by event
                         .venv/bin/waypost story {journey.referral_id}
  its trace, hub to hub  {trace}
  metrics of a service   {addresses.ops["referral"]}/metrics
  logs                   {addresses.home}/log
  stop it                make down
"""
    )


if __name__ == "__main__":
    main()
