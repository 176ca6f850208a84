"""One child's way: referred, amended, cared for, and read back by its hub."""

import asyncio
from dataclasses import dataclass

from deploy.demo.actors import Json, Refusal, until
from deploy.demo.care import AGENCY_ZONE, COORDINATOR, SCHEDULER, SESSIONS, SUPERVISOR, Care
from deploy.demo.children import (
    ADULT_YEARS,
    Child,
    age,
    amendment,
    bundle,
    member_of,
    spoilt,
    without_goal,
)

__all__ = ["AGENCY_ZONE", "COORDINATOR", "SCHEDULER", "SESSIONS", "SUPERVISOR", "Journey"]


@dataclass
class Journey(Care):
    """One child, its hub and its payer beside those who care for it."""

    child: Child
    agency_npi: str
    payer: tuple[str, str]
    sent: int = 1
    amended: bool = False
    known: Child | None = None  # as the payer has it, where that is not the truth
    task_id: str = ""

    @property
    def hub(self) -> str:
        return self.child.hub.name

    @property
    def label(self) -> str:
        return self.child.placer

    def giver(self) -> str:
        return "youth" if age(self.child, self.today()) >= ADULT_YEARS else "guardian"

    # --- The hub refers ----------------------------------------------------------------------

    async def be_known(self) -> None:
        """The payer knows the child, or does from now on what it did not before."""
        await self.world.payer("members", member_of(self.known or self.child, self.today()))

    async def slip(self) -> list[Json]:
        """The hub sends it with two slips of the pen; gives the problems that it is told."""
        wrong = spoilt(
            bundle(self.child, agency_npi=self.agency_npi, payer=self.payer, now=self.world.now())
        )
        answer = await self.world.hub(self.hub, "refer", wrong)
        if answer.status != 422:
            raise Refusal(f"{self.hub}: wrong codes were answered {answer.status}")
        self.say(f"{self.hub} sends two wrong codes, and is answered 422:")
        for issue in answer.body["issue"]:
            self.say(f"  {issue['expression'][0]}: {issue['details']['text']}")
        return list(answer.body["issue"])

    async def refer(self) -> None:
        """The payer knows the child; the hub sends the referral, some more than once at a time."""
        now = self.world.now()
        await self.be_known()
        sent = bundle(self.child, agency_npi=self.agency_npi, payer=self.payer, now=now)
        answers = await asyncio.gather(
            *(self.world.hub(self.hub, "refer", sent) for _ in range(self.sent))
        )
        for answer in answers:
            if answer.status not in (200, 201):
                raise Refusal(
                    f"{self.hub}: the referral was answered {answer.status}: {answer.body}"
                )
        ids = [self.ids_in(sent, answer.body) for answer in answers]
        if any(one != ids[0] for one in ids):
            raise Refusal(f"{self.hub}: one referral sent {self.sent} times became several: {ids}")
        self.referral_id, self.youth_id, self.task_id = ids[0]
        times = f", sent {self.sent} times at once" if self.sent > 1 else ""
        self.say(f"{self.hub} refers a child of {age(self.child, now.date())}{times}")

    def ids_in(self, sent: Json, answer: Json) -> tuple[str, str, str]:
        """The ids that the answer gave to the referral, the child and the Task."""
        found = {}
        for entry, told in zip(sent["entry"], answer["entry"], strict=True):
            location = told["response"]["location"].split("/")
            found[entry["resource"]["resourceType"]] = location[1]
        return found["ServiceRequest"], found["Patient"], found["Task"]

    async def amend(self) -> None:
        """What was missing comes later, as a conditional PUT; the hub first saw what was asked."""
        await until(f"{self.child.placer}: the Task asks", self.asks)
        now = self.world.now()
        sent = amendment(self.child, agency_npi=self.agency_npi, payer=self.payer, now=now)
        answer = await self.world.hub(self.hub, "refer", sent)
        if answer.status != 200:
            raise Refusal(f"{self.hub}: the amendment was answered {answer.status}: {answer.body}")
        self.say(f"{self.hub} sends what was missing")

    async def drop_goal(self, number: int) -> None:
        """The hub's plan goes on without one of its goals."""
        now = self.world.now()
        sent = without_goal(
            self.child, number, agency_npi=self.agency_npi, payer=self.payer, now=now
        )
        answer = await self.world.hub(self.hub, "refer", sent)
        if answer.status != 200:
            raise Refusal(f"{self.hub}: the amendment was answered {answer.status}: {answer.body}")
        self.say(f"{self.hub} drops a goal from its plan")

    async def asks(self) -> Json:
        task = await self.task()
        return task if task and self.business(task) == "awaiting-information" else None

    async def task(self) -> Json:
        return await self.world.read(self.hub, f"Task/{self.task_id}")

    @staticmethod
    def business(task: Json) -> str | None:
        coding = task.get("businessStatus", {}).get("coding") or [{}]
        code: str | None = coding[0].get("code")
        return code

    # --- The agency answers ----------------------------------------------------------------------

    async def be_accepted(self) -> None:
        await until(f"{self.child.placer}: the Task is accepted", self.accepted)
        self.say("eligible: the payer answered, the Task is accepted")

    async def accepted(self) -> Json:
        task = await self.task()
        return task if task and task["status"] == "accepted" else None

    # --- The hub reads ----------------------------------------------------------------------

    async def be_read(self) -> None:
        """The hub reads Task, CarePlan, Goals and Encounters back, all that it was told of."""
        await until(f"{self.child.placer}: the Task is in progress", self.in_progress)
        await until(f"{self.child.placer}: Encounters", self.encounters)
        plan = await until(f"{self.child.placer}: CarePlan", self.care_plan)
        for reference in plan.get("goal", ()):
            if not await self.world.read(self.hub, reference["reference"]):
                raise Refusal(f"{self.child.placer}: {reference} does not resolve for its hub")
        self.say("its hub reads Task, CarePlan, Goals and Encounters")

    async def in_progress(self) -> Json:
        task = await self.task()
        return task if task and task["status"] == "in-progress" else None

    async def encounters(self) -> Json:
        found = await self.world.read(self.hub, f"Encounter?patient=Patient/{self.youth_id}")
        enough = found and len(found.get("entry", ())) >= self.held
        return found if enough else None

    async def care_plan(self) -> Json:
        path = f"CarePlan?patient=Patient/{self.youth_id}&category=assess-plan"
        found = await self.world.read(self.hub, path)
        if not found or not found.get("entry"):
            return None
        plan = found["entry"][0]["resource"]
        return plan if plan["status"] == "active" else None
