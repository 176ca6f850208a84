"""What staff and mentor do for one referral, each through the door for staff."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from deploy.demo.actors import Answer, Json, Refusal, World, until

AGENCY_ZONE = ZoneInfo("America/New_York")
COORDINATOR, SCHEDULER, SUPERVISOR = "carla.coordinator", "sam.scheduler", "sofia.supervisor"
ATTESTED = ("consent-treatment", "consent-roi-hub", "documents")
SESSIONS = "/api/documentation/sessions"
NOT_HEARD_YET = {"episode-unknown", "appointment-unknown"}  # another service's news travels
RATINGS = (1, 2, 3)  # of the skill practised, session by session


@dataclass
class Care:
    """What they have learned of it on the way; nothing here is counted later."""

    world: World
    referral_id: str = field(default="", kw_only=True)
    youth_id: str = field(default="", kw_only=True)
    episode_id: str = field(default="", kw_only=True)
    mentor: str = field(default="", kw_only=True)
    appointments: list[Json] = field(default_factory=list, kw_only=True)
    held: int = field(default=0, kw_only=True)
    quiet: bool = field(default=False, kw_only=True)

    @property
    def label(self) -> str:
        """What it is called in what is printed."""
        return self.referral_id[:8]

    def giver(self) -> str:
        """Who consents."""
        return "guardian"

    def say(self, text: str) -> None:
        if not self.quiet:
            print(f"  {self.label}  {text}", flush=True)

    def today(self) -> date:
        return self.world.now().astimezone(AGENCY_ZONE).date()

    # --- Staff ----------------------------------------------------------------------

    async def attest(self) -> None:
        path = f"/api/referral/referrals/{self.referral_id}/attestations"
        acts = [(COORDINATOR, kind) for kind in ATTESTED] + [(SUPERVISOR, "medical-necessity")]
        for person, kind in acts:
            body = {
                "kind": kind,
                "stands": True,
                "given_by": self.giver() if kind.startswith("consent") else "staff",
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

        found = await until(f"{self.label}: on the waiting list", matches)
        wanted = [
            match for match in found if match["fits"] and mentor in (None, match["mentor_id"])
        ]
        best = next(iter(wanted), None)
        if best is None:
            why = {match["name"]: match["excluded"] for match in found}
            raise Refusal(
                f"No mentor fits {self.label}: {why}. Where hours are short, earlier runs have"
                " taken them: `.venv/bin/python -m deploy.local.up remove` gives them back."
            )
        body = {
            "referral_id": self.referral_id,
            "mentor_id": best["mentor_id"],
            "passed_reason": "all who wait are matched today, each with the best mentor",
        }
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
                    raise Refusal(f"{self.label}: not booked: {answer.body}")
                return None

            self.appointments.append(await until(f"{self.label}: booked", booked))
        self.say(f"episode open, {counted(len(starts), 'session')} booked")

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
        self.say(f"{counted(len(held), 'session')} held, signed and co-signed")

    async def miss(self, mentor: str, number: int) -> None:
        """The child does not come to a session, and the mentor says so."""
        path = f"/api/scheduling/appointments/{self.appointments[number]['appointment_id']}/no-show"
        await self.world.staff(mentor, "POST", path)
        self.say("does not come to a session")

    async def lose_coverage(self) -> None:
        """The payer is asked the day before each session, and says that coverage has ended."""
        await until(f"{self.label}: a person is asked to look", self.is_lapsed)
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
                raise Refusal(f"{mentor}: no note for {self.label}: {answer.body}")
            return None

        return await until(f"{self.label}: a note begun", drafted)

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

        found: list[Json] = await until(f"{self.label}: goals to cite", known)
        return found


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
