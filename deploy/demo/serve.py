"""Staff and mentor do their part for one referral, whichever hub sent it: the loop closes.

`python -m deploy.demo.serve REFERRAL [--home FOLDER]`: attested, matched, booked; business time
passes to the end of the session; written down, signed, co-signed. For trying things out: it uses
the simulated sign-in of `make up` and its movable clock.
"""

import sys
from datetime import datetime, time, timedelta

from deploy.demo.actors import Json, World, until
from deploy.demo.care import AGENCY_ZONE, COORDINATOR, Care
from deploy.demo.cast import subs_by_staff_id
from deploy.demo.one import with_referral

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


def main() -> int:
    return with_referral(__doc__, serve)


if __name__ == "__main__":
    sys.exit(main())
