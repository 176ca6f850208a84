"""`make demo`: children go the whole way through a real stack, and every referral is accounted for.

Exit status 0 when each is where the records say that it should be and nothing was lost, done twice
or done out of order; 1 when not; 2 when somebody refused what the story needs.
"""

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

from deploy.demo.actors import Refusal, World
from deploy.demo.cast import Cast
from deploy.demo.lines import lines, printed
from deploy.demo.picture import drawn, look_at
from deploy.demo.play import Play
from deploy.demo.shown import show_account, show_table
from deploy.demo.trace import trace_page
from deploy.local.machine import Missing
from deploy.local.stack import Addresses, Stack


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**5))
    options = parser.parse_args()
    begin = time.monotonic()
    stack = Stack(options.home)
    try:
        addresses = stack.up()
        print(f"Up after {time.monotonic() - begin:.1f} s. SEED={options.seed}", flush=True)
        right = asyncio.run(demonstrate(stack, addresses, options.seed))
    except (Missing, Refusal, TimeoutError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    print(f"Done after {time.monotonic() - begin:.1f} s.")
    return 0 if right else 1


async def demonstrate(stack: Stack, addresses: Addresses, seed: int) -> bool:
    """Play the story of one seed, then account for all that this stack has ever received."""
    world = World(addresses, run=f"demo-{seed}")
    cast = Cast(world, seed)
    play = Play(cast, stack)
    await play.run()
    account = await cast.settled()
    show_account(account)
    show_table(drawn(await look_at(world, play.shrinking.referral_id)))
    # The spans of a process that was killed are gone: one of those who came afterwards has all.
    trace = await trace_page(addresses, play.others[0].referral_id)
    print(printed(lines(addresses, play.shrinking, trace)))
    await world.http.aclose()
    return account.is_right


if __name__ == "__main__":
    sys.exit(main())
