"""What a referral and its Task show of mentors who are offered, declined and lost."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from contracts.events import (
    AssignmentEnded,
    EpisodeOnHold,
    EpisodeResumed,
    Event,
    MentorDeclined,
    MentorProposed,
)
from tests.referral.desk import Office, Referred
from tests.referral.rig import Hub
from tests.referral.test_following import EPISODE, MENTOR, Story, referred, task_of

__all__ = ["referred"]  # the fixture


class Offers(Story):
    def offered(self) -> Event:
        return MentorProposed(
            **self.about,
            assignment_id=uuid4(),
            mentor_id=MENTOR,
            supervisor_id=uuid4(),
            standing_until=None,
            expires_on=date(2026, 11, 16),
        )

    def declined(self, declines: int, reason: str = "family") -> Event:
        return MentorDeclined(
            **self.about,
            assignment_id=uuid4(),
            mentor_id=MENTOR,
            reason=reason,
            declines=declines,
        )

    def lost(self) -> Event:
        return AssignmentEnded(
            **self.about,
            assignment_id=uuid4(),
            mentor_id=MENTOR,
            reason="mentor_left",
            effective=date(2026, 11, 12),
        )

    def gap(self) -> Event:
        return EpisodeOnHold(
            **self.about, episode_id=EPISODE, reason="service_gap", effective=date(2026, 11, 12)
        )

    def over(self) -> Event:
        return EpisodeResumed(
            **self.about, episode_id=EPISODE, reason="service_gap", effective=date(2026, 11, 14)
        )


async def detail(office: Office, referred: Referred) -> Any:
    path = f"/api/referral/referrals/{referred.referral_id}"
    return (await office.as_staff("GET", path)).json()


async def test_an_offer_shows_to_staff_and_a_decline_brings_back_the_list(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Offers(referred)

    await office.hear(story.waitlisted(), story.offered())
    offered = (await detail(office, referred))["state"]
    await office.hear(story.declined(1))

    assert (offered, (await detail(office, referred))["state"]) == ("offered", "waitlisted")
    task = await task_of(riverbend, referred)
    assert task["businessStatus"]["coding"][0]["code"] == "waitlisted"


@pytest.mark.parametrize(
    ("declines", "reason", "kinds"),
    [
        (2, "family", []),
        (3, "family", ["family-conversation"]),
        (4, "youth", ["family-conversation"]),
        (3, "expired", []),
    ],
)
async def test_staff_talk_to_a_family_that_declined_three_times(
    office: Office, referred: Referred, declines: int, reason: str, kinds: list[str]
) -> None:
    story = Offers(referred)

    await office.hear(story.waitlisted(), story.offered(), story.declined(declines, reason))

    found = await detail(office, referred)
    assert [item["kind"] for item in found["work_items"]] == kinds
    assert found["state"] == "waitlisted"


async def test_a_mentor_who_is_found_ends_the_conversation(
    office: Office, referred: Referred
) -> None:
    story = Offers(referred)

    await office.hear(story.waitlisted(), story.offered(), story.declined(3), story.assigned())

    assert (await detail(office, referred))["work_items"] == []


async def test_who_lost_a_mentor_before_service_waits_again(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Offers(referred)

    await office.hear(story.waitlisted(), story.assigned(), story.lost(), story.waitlisted())

    assert (await detail(office, referred))["state"] == "waitlisted"
    task = await task_of(riverbend, referred)
    assert task["businessStatus"]["coding"][0]["code"] == "waitlisted"


async def test_a_hub_is_told_once_of_a_gap_in_service_and_once_of_its_end(
    office: Office, riverbend: Hub, referred: Referred
) -> None:
    story = Offers(referred)
    await office.hear(story.waitlisted(), story.assigned(), story.opened(), story.booked())
    version = int((await task_of(riverbend, referred))["meta"]["versionId"])

    await office.hear(story.lost(), story.gap(), story.cancelled(), story.cancelled())
    gap = await task_of(riverbend, referred)
    await office.hear(story.assigned(), story.over())
    after = await task_of(riverbend, referred)

    assert (gap["status"], int(gap["meta"]["versionId"])) == ("on-hold", version + 1)
    assert gap["statusReason"]["text"] == "The mentor can no longer come; another one is sought."
    assert (after["status"], int(after["meta"]["versionId"])) == ("accepted", version + 2)
