"""What a command about one referral shares: its arguments, a world to act in, a sentence if not."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from deploy.demo.actors import Refusal, World
from deploy.demo.care import AGENCY_ZONE
from deploy.local.stack import Addresses

T = TypeVar("T")


def with_referral(
    description: str | None,
    act: Callable[[World, str], Awaitable[T]],
    show: Callable[[T], None] = lambda _: None,
) -> int:
    """Do this about the referral of the command line; gives the exit status.

    Where it fails a sentence says so, and nothing is shown.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("referral", help="the id in ServiceRequest/<id>")
    parser.add_argument("--home", type=Path, default=Path("var"))
    options = parser.parse_args()
    try:
        show(asyncio.run(once(options.home, options.referral, act)))
    except FileNotFoundError:
        sys.stderr.write(f"Nothing was ever up in {options.home}: `make up` comes first.\n")
        return 1
    except Refusal as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def once(home: Path, referral_id: str, act: Callable[[World, str], Awaitable[T]]) -> T:
    now = datetime.now(AGENCY_ZONE).isoformat()
    world = World(Addresses.read(home), run=f"{act.__name__} {referral_id} {now}")
    try:
        return await act(world, referral_id)
    finally:
        await world.http.aclose()
