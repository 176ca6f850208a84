"""What happens in `make demo`: twenty-four children, most of them with a way of their own.

The play only acts, each time through the door of whoever would act. What came of it is not its to
say: `account` asks the databases and the partners' logs.
"""

import asyncio
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from deploy.demo.actors import Json, until
from deploy.demo.backlog import Backlog, chart
from deploy.demo.care import AGENCY_ZONE, COORDINATOR
from deploy.demo.cast import Cast, arrive, begin
from deploy.demo.children import (
    GOALS,
    adult,
    same_child,
    twins,
    without_goals,
    without_hub_service,
)
from deploy.demo.journey import Journey
from deploy.demo.storm import pass_over, strike
from deploy.local.stack import Stack

DRAWN = 24  # with one twin more, and one child whom two hubs refer: twenty-four children
WEEK = timedelta(days=7)


class Play:
    """One telling. Who is special is said here; everything about them follows from the seed."""

    def __init__(self, cast: Cast, stack: Stack) -> None:
        self.cast, self.world, self.stack = cast, cast.world, stack
        drawn = iter(cast.journeys(DRAWN))
        self.shrinking = with_three_goals(next(drawn))
        self.lapsing = next(drawn)
        self.absent = next(drawn)
        self.thrice = next(drawn)
        self.thrice.sent = 3
        self.unplanned = next(drawn)
        self.unplanned.child, self.unplanned.amended = without_goals(self.unplanned.child), True
        self.nameless = next(drawn)
        self.nameless.child = without_hub_service(self.nameless.child)
        self.unheard = next(drawn)
        self.twins = pair_of(next(drawn))
        self.misspelt = next(drawn)
        self.grown = next(drawn)
        self.grown.child = adult(self.grown.child, self.grown.today())
        self.first, self.second = next(drawn), next(drawn)
        self.second.child = same_child(self.first.child, self.second.child)
        self.excluded = next(drawn)
        self.excluded.child = replace(self.excluded.child, product="MassHealth Family Assistance")
        self.others = list(drawn)
        for journey in self.others:
            journey.quiet = True
        self.early = [
            *(self.shrinking, self.lapsing, self.absent, self.thrice, self.unplanned),
            *(*self.twins, self.misspelt, self.grown, self.first),
        ]

    @property
    def served(self) -> list[Journey]:
        """Those who are to get a mentor; their order decides who meets when."""
        return [*self.early, *self.others, self.unheard]

    @property
    def everybody(self) -> list[Journey]:
        return [*self.served, self.second, self.nameless, self.excluded]

    # --- The acts --------------------------------------------------------------------------------

    async def run(self) -> None:
        await self.cast.subscribe()
        heading("Hubs refer children")
        silence = asyncio.create_task(self.fall_silent())
        await self.arrive()
        heading("Staff attest, match and book; a service dies, Kafka goes, more children come")
        await self.weather_the_storm()
        await silence
        heading("The payer speaks again, and the last child goes on")
        await self.speak_again()
        heading("A week passes: sessions, an absence, a lapse, a plan that changes")
        await self.first_week()
        heading("And another")
        await self.second_week()

    async def fall_silent(self) -> None:
        """The payer does not answer about one child; twenty seconds later that is noted."""
        await self.behave("silent")
        await self.unheard.refer()

    async def behave(self, mode: str) -> None:
        about = {"mode": mode, "member_id": self.unheard.child.member_id}
        await self.world.payer("behaviour", about)

    async def arrive(self) -> None:
        alone = [self.shrinking, self.lapsing, self.absent, self.thrice, self.unplanned, self.grown]
        await asyncio.gather(
            *map(arrive, [*alone, *self.twins, self.nameless, self.excluded]),
            self.be_refused(),
            self.be_referred_by_two(),
        )

    async def be_refused(self) -> None:
        await self.misspelt.slip()
        await self.misspelt.refer()

    async def be_referred_by_two(self) -> None:
        await self.first.refer()
        await self.second.refer()
        await until("the second hub's referral is set aside", self.is_set_aside)
        self.second.say("the same child from another hub: set aside until a person has looked")
        path = f"/api/referral/referrals/{self.second.referral_id}/merge"
        survivor = {"survivor": self.first.referral_id}
        await self.world.staff(COORDINATOR, "POST", path, survivor)
        self.second.say(f"joined with {self.first.child.placer}: both hubs are told")

    async def is_set_aside(self) -> Json:
        path = f"/api/referral/referrals/{self.second.referral_id}"
        answer = await self.world.staff(COORDINATOR, "GET", path)
        return answer.body if answer.body["state"] == "duplicate_review" else None

    async def weather_the_storm(self) -> None:
        """Nobody stops working: who finds a door shut tries again."""
        for journey in self.early:
            journey.quiet = journey is not self.shrinking  # one of them stands for all
        async with Backlog(self.world.at.dsn) as backlog:
            await asyncio.gather(
                strike(self.stack, backlog),
                *(begin(journey, n) for n, journey in enumerate(self.early)),
                *(self.come_in_the_storm(n) for n in range(len(self.others))),
            )
            print(
                f"  {len(self.others)} more children are referred, matched and booked", flush=True
            )
            await pass_over(backlog)
        print("\n  Told and not yet applied, by each who listens:")
        print(chart(backlog.samples, backlog.marks), flush=True)

    async def come_in_the_storm(self, number: int) -> None:
        journey = self.others[number]
        await arrive(journey)
        await begin(journey, len(self.early) + number)

    async def speak_again(self) -> None:
        await until("the payer was asked in vain", self.was_asked_in_vain)
        await self.behave("normal")
        await begin(self.unheard, len(self.served) - 1)

    async def was_asked_in_vain(self) -> Json:
        """The hub has been told nothing but that the check goes on."""
        log = await self.world.get("payer", "/log")
        asked = [e for e in log if e["member_id"] == self.unheard.child.member_id]
        return asked or None

    async def first_week(self) -> None:
        begun = self.shrinking.today()
        self.lapsing.child = replace(self.lapsing.child, covered_to=begun + timedelta(days=5))
        await self.lapsing.be_known()
        self.world.skip_to(noon(begun + WEEK))
        subs = await self.cast.subs_by_staff_id()
        came = [journey for journey in self.served if journey is not self.absent]
        self.absent.quiet = self.lapsing.quiet = False
        await asyncio.gather(
            self.absent.miss(subs[self.absent.mentor], 0),
            *(journey.hold(subs[journey.mentor], [0]) for journey in came),
        )
        say(f"{len(came)} sessions are held, signed and co-signed")
        await self.lapsing.lose_coverage()
        await self.lapsing.cancel(1)
        await self.shrinking.drop_goal(2)
        await until("the plan without the goal", self.has_shrunk)

    async def has_shrunk(self) -> Json:
        subs = await self.cast.subs_by_staff_id()
        [_, later] = self.shrinking.appointments
        goals = await self.shrinking.goals(subs[self.shrinking.mentor], later["start"])
        return goals if len(goals) == 2 else None

    async def second_week(self) -> None:
        going_on = [journey for journey in self.served if journey is not self.lapsing]
        for journey in self.served:
            journey.quiet = True
        ends = [datetime.fromisoformat(a["end"]) for j in going_on for a in j.appointments]
        self.world.skip_to(max(ends) + timedelta(hours=1))
        subs = await self.cast.subs_by_staff_id()
        await asyncio.gather(*(journey.hold(subs[journey.mentor], [1]) for journey in going_on))
        say(f"{len(going_on)} sessions are held, signed and co-signed")
        await asyncio.gather(*(journey.be_read() for journey in self.served))
        say(f"the hubs read Task, CarePlan, Goals and Encounters of {len(self.served)} children")


def with_three_goals(journey: Journey) -> Journey:
    journey.child = replace(journey.child, goals=tuple(GOALS[:3]))
    return journey


def pair_of(journey: Journey) -> list[Journey]:
    return [replace(journey, child=child, appointments=[]) for child in twins(journey.child)]


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), AGENCY_ZONE)


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def heading(text: str) -> None:
    print(f"\n{text}", flush=True)
