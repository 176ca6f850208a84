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


def with_referral(description: str | None, act: Callable[[World, str], Awaitable[T]]) -> T:
    """Do this about the referral of the command line; exits with a sentence where that fails."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("referral", help="the id in ServiceRequest/<id>")
    parser.add_argument("--home", type=Path, default=Path("var"))
    options = parser.parse_args()
    try:
        return asyncio.run(once(options.home, options.referral, act))
    except FileNotFoundError:
        sys.exit(f"Nothing was ever up in {options.home}: `make up` comes first.")
    except Refusal as error:
        sys.exit(str(error))


async def once(home: Path, referral_id: str, act: Callable[[World, str], Awaitable[T]]) -> T:
    now = datetime.now(AGENCY_ZONE).isoformat()
    world = World(Addresses.read(home), run=f"{act.__name__} {referral_id} {now}")
    try:
        return await act(world, referral_id)
    finally:
        await world.http.aclose()
