"""Staff and mentor do their part for one referral, whichever hub sent it: the loop closes.

`python -m deploy.demo.serve REFERRAL [--home FOLDER]`: attested, matched, booked; business time
passes to the end of the session; written down, signed, co-signed. For trying things out: it uses
the simulated sign-in of `make up` and its movable clock.
"""

import argparse
import asyncio
import sys
from datetime import datetime, time, timedelta
from pathlib import Path

from deploy.demo.actors import Json, Refusal, World, until
from deploy.demo.care import AGENCY_ZONE, COORDINATOR, Care
from deploy.demo.cast import subs_by_staff_id
from deploy.local.stack import Addresses

MINUTES = 60
READY = {"waitlisted", "accepted", "admitted"}


async def serve(world: World, referral_id: str) -> Care:
    """One session of this referral's child, from the waiting list to the co-signed note.

    Raises Refusal when the referral is unknown, or does not reach the waiting list in time.
    """
    path = f"/api/referral/referrals/{referral_id}"

    async def waitlisted() -> Json:
        answer = await world.staff(COORDINATOR, "GET", path)
        return answer.body if answer.body["state"] in READY else None

    found = await until(f"{referral_id}: on the waiting list", waitlisted)
    care = Care(world, referral_id=referral_id, youth_id=found["youth_id"])
    await care.attest()
    await care.be_matched()
    begin = datetime.combine(care.today() + timedelta(days=1), time(15), AGENCY_ZONE)
    await care.book([begin], MINUTES)
    world.skip_to(begin + timedelta(minutes=MINUTES + 5))
    await care.hold((await subs_by_staff_id(world))[care.mentor])
    return care


async def once(home: Path, referral_id: str) -> None:
    now = datetime.now(AGENCY_ZONE).isoformat()
    world = World(Addresses.read(home), run=f"serve {referral_id} {now}")
    try:
        await serve(world, referral_id)
    finally:
        await world.http.aclose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("referral", help="the id in ServiceRequest/<id>")
    parser.add_argument("--home", type=Path, default=Path("var"))
    options = parser.parse_args()
    try:
        asyncio.run(once(options.home, options.referral))
    except FileNotFoundError:
        sys.stderr.write(f"Nothing was ever up in {options.home}: `make up` comes first.\n")
        return 1
    except Refusal as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
