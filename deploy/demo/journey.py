"""One child's way: referred, asked about, attested, matched, seen, written down, read back."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from deploy.demo.actors import Answer, Json, Refusal, World, until
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

AGENCY_ZONE = ZoneInfo("America/New_York")
COORDINATOR, SCHEDULER, SUPERVISOR = "carla.coordinator", "sam.scheduler", "sofia.supervisor"
ATTESTED = ("consent-treatment", "consent-roi-hub", "documents")
SESSIONS = "/api/documentation/sessions"
NOT_HEARD_YET = {"episode-unknown", "appointment-unknown"}  # another service's news travels
RATINGS = (1, 2, 3)  # of the skill practised, session by session


@dataclass
class Journey:
    """What the actors of one child have learned on the way; nothing here is counted later."""

    world: World
    child: Child
    agency_npi: str
    payer: tuple[str, str]
    sent: int = 1
    amended: bool = False
    quiet: bool = False
    known: Child | None = None  # as the payer has it, where that is not the truth
    referral_id: str = ""
    youth_id: str = ""
    task_id: str = ""
    episode_id: str = ""
    mentor: str = ""
    appointments: list[Json] = field(default_factory=list)
    held: int = 0

    @property
    def hub(self) -> str:
        return self.child.hub.name

    def say(self, text: str) -> None:
        if not self.quiet:
            print(f"  {self.child.placer}  {text}", flush=True)

    def today(self) -> date:
        return self.world.now().astimezone(AGENCY_ZONE).date()

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

    async def attest(self) -> None:
        giver = "youth" if age(self.child, self.today()) >= ADULT_YEARS else "guardian"
        path = f"/api/referral/referrals/{self.referral_id}/attestations"
        acts = [(COORDINATOR, kind) for kind in ATTESTED] + [(SUPERVISOR, "medical-necessity")]
        for person, kind in acts:
            body = {
                "kind": kind,
                "stands": True,
                "given_by": giver if kind.startswith("consent") else "staff",
                "given_on": self.today().isoformat(),
                "evidence": "form on file",
            }
            await self.world.staff(person, "POST", path, body)
        self.say("staff attest consents, documents and medical necessity")

    async def revoke(self, kind: str) -> None:
        """The guardian takes a consent back, from now on."""
        path = f"/api/referral/referrals/{self.referral_id}/attestations"
        body = {"kind": kind, "stands": False, "given_by": "guardian"}
        await self.world.staff(COORDINATOR, "POST", path, body)
        self.say(f"the guardian revokes {kind}")

    async def be_matched(self, mentor: str | None = None) -> None:
        """The scheduler takes the mentor asked for, else the best whom no filter excludes."""
        path = f"/api/scheduling/waitlist/{self.referral_id}/matches"

        async def matches() -> Json:
            answer = await self.world.staff(SCHEDULER, "GET", path, refused_ok=True)
            return answer.body if answer.status == 200 else None

        found = await until(f"{self.child.placer}: on the waiting list", matches)
        wanted = [
            match for match in found if match["fits"] and mentor in (None, match["mentor_id"])
        ]
        best = next(iter(wanted), None)
        if best is None:
            why = {match["name"]: match["excluded"] for match in found}
            raise Refusal(f"No mentor fits {self.child.placer}: {why}")
        body = {"referral_id": self.referral_id, "mentor_id": best["mentor_id"]}
        answer = await self.world.staff(SCHEDULER, "POST", "/api/scheduling/assignments", body)
        self.episode_id, self.mentor = answer.body["episode_id"], best["mentor_id"]
        why_this = "; ".join(part["sentence"] for part in best["points"] if part["points"])
        self.say(f"matched with {best['name']}, {best['score']:.0f} of 100: {why_this}")

    async def book(self, starts: list[datetime], minutes: int) -> None:
        """Sessions are booked as soon as the episode is open."""
        for start in starts:
            body = {
                "episode_id": self.episode_id,
                "start": start.isoformat(),
                "end": (start + timedelta(minutes=minutes)).isoformat(),
                "place_of_service": "99",
                "modality": "in-person",
            }

            async def booked(body: Json = body) -> Json:
                path = "/api/scheduling/appointments"
                answer = await self.world.staff(SCHEDULER, "POST", path, body, refused_ok=True)
                if answer.status == 201:
                    return answer.body
                if answer.body.get("code") not in ("episode-not-open", "not-open"):
                    raise Refusal(f"{self.child.placer}: not booked: {answer.body}")
                return None

            self.appointments.append(await until(f"{self.child.placer}: booked", booked))
        self.say(f"episode open, {len(starts)} sessions booked")

    # --- The mentor works ----------------------------------------------------------------------

    async def hold(self, mentor: str, numbers: Collection[int] | None = None) -> None:
        """After each session the mentor writes and signs a note; the supervisor co-signs it.

        `numbers`: which of the booked sessions were held, the first being 0; None means all.
        """
        held = list(enumerate(self.appointments))
        held = [one for one in held if numbers is None or one[0] in numbers]
        for number, appointment in held:
            body = self.note(
                datetime.fromisoformat(appointment["start"]),
                datetime.fromisoformat(appointment["end"]),
                await self.goals(mentor, appointment["start"]),
                value=RATINGS[min(number, 2)],
            )
            note = await self.draft(
                mentor, body | {"appointment_id": appointment["appointment_id"]}
            )
            await self.sign(mentor, note)
            await self.cosign(note)
            self.held += 1
        self.say(f"{len(held)} sessions held, signed and co-signed")

    async def miss(self, mentor: str, number: int) -> None:
        """The child does not come to a session, and the mentor says so."""
        path = f"/api/scheduling/appointments/{self.appointments[number]['appointment_id']}/no-show"
        await self.world.staff(mentor, "POST", path)
        self.say("does not come to a session")

    async def lose_coverage(self) -> None:
        """The payer is asked the day before each session, and says that coverage has ended."""
        await until(f"{self.child.placer}: a person is asked to look", self.is_lapsed)
        self.say("coverage has lapsed: a person is asked to look, nothing more is booked")

    async def is_lapsed(self) -> Json:
        path = f"/api/referral/referrals/{self.referral_id}"
        answer = await self.world.staff(COORDINATOR, "GET", path)
        items = {item["kind"] for item in answer.body["work_items"]}
        return answer.body if "coverage-lapsed" in items else None

    async def cancel(self, number: int) -> None:
        """The agency calls a session off."""
        path = f"/api/scheduling/appointments/{self.appointments[number]['appointment_id']}/cancel"
        await self.world.staff(SCHEDULER, "POST", path, {"reason": "agency"})

    def note(self, start: datetime, end: datetime, goals: list[Json], *, value: int = 1) -> Json:
        """What a mentor writes of a session that was not booked; each goal with its rating."""
        return {
            "episode_id": self.episode_id,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "place_of_service": "99",
            "modality": "in-person",
            "goals": [
                {
                    "goal_id": goal["goal_id"],
                    "scale": "milestone",
                    "value": value,
                    "measured_by": "mentor",
                }
                for goal in goals
            ],
            "texts": {"intervention": "Role-play and rehearsal.", "response": "Took part."},
            # The clock of a demonstration jumps over weeks, so that some notes are late.
            "late_reason": "Written up after the last session.",
        }

    async def draft(self, mentor: str, body: Json) -> Json:
        """The note begun, as soon as documentation has heard of episode and appointment."""

        async def drafted() -> Json:
            answer = await self.world.staff(mentor, "POST", SESSIONS, body, refused_ok=True)
            if answer.status == 201:
                return answer.body
            if answer.body.get("code") not in NOT_HEARD_YET:
                raise Refusal(f"{mentor}: no note for {self.child.placer}: {answer.body}")
            return None

        return await until(f"{self.child.placer}: a note begun", drafted)

    async def sign(self, mentor: str, note: Json, *, refused_ok: bool = False) -> Answer:
        path = f"{SESSIONS}/{note['session_id']}/sign"
        return await self.world.staff(mentor, "POST", path, refused_ok=refused_ok)

    async def cosign(self, note: Json) -> Answer:
        path = f"{SESSIONS}/{note['session_id']}/cosign"
        return await self.world.staff(SUPERVISOR, "POST", path)

    async def goals(self, mentor: str, start: str) -> list[Json]:
        """The goals that a session of that day may cite, once their text has come."""
        day = datetime.fromisoformat(start).astimezone(AGENCY_ZONE).date().isoformat()
        path = f"/api/documentation/youths/{self.youth_id}/goals?on={day}"

        async def known() -> Json:
            answer = await self.world.staff(mentor, "GET", path, refused_ok=True)
            return answer.body["goals"] if answer.status == 200 and answer.body["goals"] else None

        found: list[Json] = await until(f"{self.child.placer}: goals to cite", known)
        return found

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
