"""What scheduling and documentation tell moves the referral and its Task, in any order."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from contracts.codes import Modality, PlaceOfService
from contracts.events import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentNoShow,
    CoverageLapsed,
    EligibilityConfirmed,
    EligibilityDenied,
    EpisodeClosed,
    EpisodeOnHold,
    EpisodeOpened,
    EpisodeResumed,
    Event,
    MentorAssigned,
    NotificationFailed,
    ReferralClosed,
    ReferralStatusChanged,
    ReferralWaitlisted,
    SessionLogged,
)
from services.referral.domain.states import discharge_text
from tests.referral.desk import Desk, Office, Referred, refer
from tests.referral.rig import EXAMPLES, Hub

EPISODE, APPOINTMENT, MENTOR = uuid4(), uuid4(), uuid4()
START = datetime(2026, 11, 19, 21, tzinfo=UTC)


@pytest.fixture
async def referred(office: Office, riverbend: Hub) -> Referred:
    """An eligible child."""
    found = await refer(riverbend)
    await office.work_until_done()
    return found


class Story:
    """Events of the other services about one referral."""

    def __init__(self, referred: Referred) -> None:
        self.about = {
            "referral_id": UUID(referred.referral_id),
            "youth_id": UUID(referred.youth_id),
        }
        self.visit = {"appointment_id": APPOINTMENT, "episode_id": EPISODE, "mentor_id": MENTOR}

    def waitlisted(self) -> Event:
        return ReferralWaitlisted(**self.about, wait_started=date(2026, 11, 9))

    def assigned(self) -> Event:
        return MentorAssigned(
            **self.about,
            assignment_id=uuid4(),
            mentor_id=MENTOR,
            supervisor_id=uuid4(),
            standing_until=None,
        )

    def opened(self) -> Event:
        return EpisodeOpened(
            **self.about,
            episode_id=EPISODE,
            effective=date(2026, 11, 10),
            mentor_id=MENTOR,
            supervisor_id=uuid4(),
        )

    def held(self) -> Event:
        return EpisodeOnHold(
            **self.about, episode_id=EPISODE, reason="hub_inactive", effective=date(2026, 11, 12)
        )

    def resumed(self) -> Event:
        return EpisodeResumed(
            **self.about, episode_id=EPISODE, reason="hub_inactive", effective=date(2026, 11, 14)
        )

    def closed(self, reason: str = "goals_achieved") -> Event:
        return EpisodeClosed(
            **self.about, episode_id=EPISODE, reason=reason, effective=date(2026, 11, 20)
        )

    def booked(self, start: datetime = START) -> Event:
        return AppointmentBooked(
            **self.about,
            **self.visit,
            start=start,
            end=start + timedelta(hours=1),
            place_of_service=PlaceOfService.HOME,
            modality=Modality.IN_PERSON,
            planned_units=4,
        )

    def no_show(self) -> Event:
        return AppointmentNoShow(**self.about, **self.visit)

    def cancelled(self) -> Event:
        return AppointmentCancelled(**self.about, **self.visit, reason="family")

    def logged(self, version: int = 1) -> Event:
        return SessionLogged(
            **self.about,
            session_id=UUID(int=77),
            version=version,
            episode_id=EPISODE,
            start=START,
            end=START + timedelta(hours=1),
            place_of_service=PlaceOfService.HOME,
            modality=Modality.IN_PERSON,
            units=4,
            billable=True,
            goal_ids=(uuid4(),),
            mentor_id=MENTOR,
            supervisor_id=uuid4(),
            rule_pack_version="test",
        )


async def task_of(hub: Hub, referred: Referred) -> Any:
    return (await hub.read(f"Task/{referred.task_id}")).json()


def not_told(referred: Referred, hub: Hub) -> Event:
    return NotificationFailed(
        youth_id=UUID(referred.youth_id),
        organisation_id=hub.organisation_id,
        subscription_id=uuid4(),
        since=START,
    )


async def items_of(office: Office, referred: Referred) -> list[str]:
    path = f"/api/referral/referrals/{referred.referral_id}"
    detail = (await office.as_staff("GET", path)).json()
    return [item["kind"] for item in detail["work_items"]]


async def test_a_hub_that_could_not_be_told_is_called_by_a_person(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    path = f"/api/referral/referrals/{referred.referral_id}/hub-called"
    other = Hub(office.http, uuid4())

    await office.hear(not_told(referred, other))
    assert await items_of(office, referred) == []
    await office.hear(not_told(referred, riverbend), not_told(referred, riverbend))
    assert await items_of(office, referred) == ["hub-not-told"]
    answers = [await office.as_staff("POST", path) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert await items_of(office, referred) == []


async def test_the_whole_way_as_the_hub_sees_it(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    seen = []
    for event in (
        *(story.waitlisted(), story.assigned(), story.opened(), story.booked()),
        *(story.no_show(), story.booked(), story.cancelled(), story.booked(), story.logged()),
    ):
        await office.hear(event)
        task = await task_of(riverbend, referred)
        seen.append((task["status"], task["businessStatus"]["coding"][0]["code"]))
        office.clock.at += timedelta(minutes=1)

    assert seen == [
        ("accepted", "waitlisted"),
        ("accepted", "mentor-assigned"),
        ("accepted", "mentor-assigned"),
        ("accepted", "5.1.1"),
        ("accepted", "5.1.2"),
        ("accepted", "5.1.1"),
        ("accepted", "5.1.3"),
        ("accepted", "5.1.1"),
        ("in-progress", "5.1.4"),
    ]
    assert task["executionPeriod"] == {"start": "2026-11-19T16:00:00-05:00"}
    assert task["businessStatus"]["text"] == "First session held 2026-11-19"
    assert await office.state(referred.referral_id) == "admitted"


async def test_each_version_is_told_once_and_only_when_something_shows(
    office: Office, referred: Referred
) -> None:
    story = Story(referred)
    await office.hear(story.waitlisted(), story.waitlisted(), story.assigned(), story.opened())

    told = await office.told(ReferralStatusChanged)

    assert [event.version for event in told] == [1, 2, 3, 4]
    assert [event.business_status for event in told] == [
        *("eligibility-review", "3.0", "waitlisted", "mentor-assigned"),
    ]


async def test_a_session_that_is_told_before_its_episode_loses_nothing(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    """Streams of two producers are not ordered against each other."""
    story = Story(referred)
    await office.hear(story.waitlisted(), story.assigned(), story.logged())
    await office.hear(story.opened(), at=office.clock.now())

    task = await task_of(riverbend, referred)

    assert task["status"] == "in-progress"
    assert await office.state(referred.referral_id) == "admitted"


async def test_what_is_told_late_does_not_go_back(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    before = office.clock.now()
    await office.hear(story.assigned(), story.opened())
    await office.hear(story.logged(), at=before + timedelta(hours=2))
    await office.hear(story.booked(), at=before + timedelta(hours=1))

    task = await task_of(riverbend, referred)

    assert task["businessStatus"]["coding"][0]["code"] == "5.1.4"


async def test_a_corrected_note_is_no_second_session(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.logged(), story.booked())
    version = (await task_of(riverbend, referred))["meta"]["versionId"]

    await office.hear(story.logged(version=2))

    assert (await task_of(riverbend, referred))["meta"]["versionId"] == version


async def test_an_episode_on_hold_says_why(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.held())

    task = await task_of(riverbend, referred)

    assert task["status"] == "on-hold"
    assert task["statusReason"]["coding"][0]["code"] == "hub_inactive"
    assert task["statusReason"]["text"]
    assert await office.state(referred.referral_id) == "on_hold"


async def test_an_episode_that_resumes_brings_the_task_back(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.logged())
    before = await task_of(riverbend, referred)
    await office.hear(story.held(), story.resumed(), story.resumed())

    task = await task_of(riverbend, referred)

    assert (task["status"], "statusReason" in task) == ("in-progress", False)
    assert task["businessStatus"] == before["businessStatus"]
    assert await office.state(referred.referral_id) == "admitted"


async def test_what_gate_1_holds_is_let_go_by_gate_1_alone(
    office: Office, referred: Referred, desk: Desk
) -> None:
    story = Story(referred)
    await desk.teach(period={"start": "2026-01-01", "end": "2026-11-08"})
    await office.hear(story.assigned())
    await office.work_until_done()

    await office.hear(story.opened(), story.held(), story.resumed())

    assert await office.state(referred.referral_id) == "on_hold"


async def test_a_closed_episode_completes_the_task_with_its_outputs(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.logged(), story.closed())

    task = await task_of(riverbend, referred)

    golden = json.loads(next(EXAMPLES.glob("07-*.json")).read_text())
    assert task["status"] == golden["status"]
    assert task["businessStatus"] == golden["businessStatus"]
    assert task.keys() == golden.keys()
    assert [kind_of(output) for output in task["output"]] == [
        *("coverage-eligibility", "program-criterion", "program-criterion"),
        *("program-criterion", "additional-content"),
    ]
    plan = task["output"][-1]["valueReference"]["reference"]
    assert plan == f"CarePlan/{uuid5(UUID(referred.referral_id), 'careplan')}"
    assert task["executionPeriod"]["start"] == "2026-11-19T16:00:00-05:00"
    assert "end" in task["executionPeriod"]
    assert await office.state(referred.referral_id) == "closed"
    (closed,) = await office.told(ReferralClosed)
    assert closed.reason == "discharged"


def kind_of(output: Any) -> str:
    code: str = output["type"]["coding"][0]["code"]
    return code


async def test_a_closed_episode_without_a_session_has_failed(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.held(), story.closed("moved"))

    task = await task_of(riverbend, referred)

    assert (task["status"], "businessStatus" in task) == ("failed", False)
    assert task["statusReason"]["coding"][0]["code"] == "discharged"
    assert task["statusReason"]["text"] == "Service ended: the youth has moved"


async def test_a_session_that_is_told_after_the_end_completes_the_task_all_the_same(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    """Its note is signed late, or documentation's topic is slower than scheduling's."""
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.closed())
    failed = await task_of(riverbend, referred)
    await office.hear(story.logged(), story.logged(version=2))

    task = await task_of(riverbend, referred)

    assert (failed["status"], task["status"]) == ("failed", "completed")
    assert int(task["meta"]["versionId"]) == int(failed["meta"]["versionId"]) + 1
    assert task["businessStatus"]["coding"][0]["code"] == "7.0"
    assert task["executionPeriod"]["start"] == "2026-11-19T16:00:00-05:00"
    assert await office.state(referred.referral_id) == "closed"
    last = (await office.told(ReferralStatusChanged))[-1]
    assert (last.status, last.version) == ("completed", int(task["meta"]["versionId"]))


async def test_a_session_that_is_told_late_does_not_open_a_withdrawn_referral(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    path = f"/api/referral/referrals/{referred.referral_id}/close"
    await office.as_staff("POST", path, {"reason": "withdrawn"})
    before = await task_of(riverbend, referred)

    await office.hear(story.logged())

    assert (await task_of(riverbend, referred))["status"] == before["status"] == "cancelled"


async def test_nothing_that_is_told_later_opens_a_completed_task(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.logged(), story.closed())
    before = await task_of(riverbend, referred)

    later = (story.held(), story.resumed(), story.booked(), story.closed("moved"), story.opened())
    await office.hear(*later, at=office.clock.now() + timedelta(hours=1))
    await office.work_until_done()

    assert await task_of(riverbend, referred) == before
    assert await office.state(referred.referral_id) == "closed"
    assert len(await office.told(ReferralClosed)) == 1


async def test_a_withdrawn_referral_stays_withdrawn_when_its_episode_is_closed(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.logged())
    path = f"/api/referral/referrals/{referred.referral_id}/close"
    await office.as_staff("POST", path, {"reason": "withdrawn"})

    await office.hear(story.closed("referral_ended"))

    task = await task_of(riverbend, referred)
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("cancelled", "6.0")
    assert await office.told(ReferralClosed) == []


def test_a_reason_to_end_that_we_do_not_know_is_left_out() -> None:
    assert discharge_text("of_the_year_2031") == "Service ended"


async def test_a_reason_that_we_do_not_know_yet_is_shown_by_its_code(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Story(referred)
    held = story.held().model_copy(update={"reason": "of_the_year_2031"})
    await office.hear(story.assigned(), story.opened(), held)

    task = await task_of(riverbend, referred)

    assert task["statusReason"]["coding"][0]["display"] == "of_the_year_2031"


# --- Checks that are repeated (clock.eligibility_recheck) ---------------------------------------


async def test_the_payer_is_asked_again_for_a_mentor_and_on_the_day_before_a_session(
    office: Office, referred: Referred, desk: Desk
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened(), story.booked())
    await office.work_until_done()
    asked_for_mentor = len(desk.asked)
    office.clock.at = START - timedelta(days=2)
    await office.work_until_done()
    too_early = len(desk.asked)
    office.clock.at = START - timedelta(days=1)
    await office.work_until_done()

    assert (asked_for_mentor, too_early, len(desk.asked)) == (2, 2, 3)
    assert len(await office.told(EligibilityConfirmed)) == 1


async def test_a_session_booked_for_later_holds_up_no_check_before_an_earlier_one(
    office: Office, referred: Referred, desk: Desk
) -> None:
    story = Story(referred)
    await office.hear(story.opened(), story.booked(START + timedelta(days=30)))
    await office.hear(story.booked(), story.assigned())
    await office.work_until_done()
    asked_for_mentor = len(desk.asked)
    office.clock.at = START - timedelta(days=1)
    await office.work_until_done()

    assert (asked_for_mentor, len(desk.asked)) == (2, 3)


async def test_a_silent_payer_leaves_service_as_it_is(
    office: Office, referred: Referred, desk: Desk
) -> None:
    await desk.behave("503")
    await office.hear(Story(referred).assigned())
    await office.work_until_done()

    assert await office.state(referred.referral_id) == "accepted"
    assert await office.told(EligibilityDenied) == []


async def test_coverage_that_ended_holds_a_referral_that_waits(
    office: Office, referred: Referred, desk: Desk
) -> None:
    await desk.teach(period={"start": "2026-01-01", "end": "2026-11-08"})
    await office.hear(Story(referred).assigned())
    await office.work_until_done()
    held = await office.state(referred.referral_id)
    await desk.teach()
    path = f"/api/referral/referrals/{referred.referral_id}/facts"
    await office.as_staff("POST", path, {})
    await office.work_until_done()

    assert held == "on_hold"
    assert await office.state(referred.referral_id) == "accepted"
    assert len(await office.told(EligibilityConfirmed)) == 2


async def test_coverage_that_ended_in_service_is_told_and_stops_nothing(
    office: Office, referred: Referred, desk: Desk
) -> None:
    story = Story(referred)
    await office.hear(story.assigned(), story.opened())
    await desk.teach(period={"start": "2026-01-01", "end": "2026-11-17"})
    await office.hear(story.booked())
    office.clock.at = START - timedelta(days=1)
    for _ in range(2):
        await office.work_until_done()

    (lapsed,) = await office.told(CoverageLapsed)

    assert lapsed.effective == date(2026, 11, 18)
    assert await office.state(referred.referral_id) == "admitted"
    assert await office.items(referred.referral_id) == {"coverage-lapsed"}
