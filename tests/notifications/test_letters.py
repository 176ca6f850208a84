"""Who is written to about what, and in which words: read from a mail server on a real socket."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import Gap, Overdue
from contracts.events import (
    MentorUnavailable,
    ReassignmentNeeded,
    ReferralInfoRequested,
)
from tests.notifications.mailroom import (
    MENTOR,
    START,
    SUPERVISOR,
    UNSAID,
    Post,
    address,
    as_staff,
    assigned,
    booked,
    cancelled,
    family,
    overdue,
    states,
)
from tests.notifications.rig import NOW, Child, Rig, received, task_changed

# --- Whom, and in which words --------------------------------------------------------------------


async def test_a_family_reads_that_there_is_a_mentor_and_nothing_else(
    office: Rig, mail_server: Post
) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)

    await office.hear(assigned(child))
    await office.work()

    [letter] = mail_server.to(parent)
    assert letter["subject"] == "Good news for your family"
    assert "A mentor has been found." in letter["text"]
    assert "tell the mentor or our office" in letter["text"]
    assert letter["sender"] == "office@northlight.example"
    assert letter["headers"]["auto-submitted"] == "auto-generated"
    assert letter["headers"]["content-language"] == "en"
    said = f"{letter['subject']} {letter['text']}".lower()
    assert [word for word in UNSAID if word in said] == []
    assert str(child.youth_id) not in str(letter)


async def test_a_family_reads_in_its_language_when_the_next_meeting_is(
    office: Rig, mail_server: Post
) -> None:
    child = Child(office.hub())
    [parent] = family(office, child, "xx", "es-MX", "en")
    await office.hear(booked(child, uuid4()))
    await office.work()
    assert mail_server.to(parent) == []  # it is nine days off

    await office.later(START - timedelta(days=2) - NOW)
    await office.work()

    [letter] = mail_server.to(parent)
    assert letter["subject"] == "Su próxima reunión"
    assert "el martes 1 de diciembre a las 3:30 p. m." in letter["text"]
    assert letter["headers"]["content-language"] == "es"


@pytest.mark.parametrize(
    ("language", "subject", "day"),
    [
        ("en", "A change of mentor", "From Tuesday, December 1 on"),
        ("es", "Un cambio de mentor", "Desde el martes 1 de diciembre"),
    ],
)
async def test_a_family_reads_once_that_its_mentor_leaves_and_not_why(
    office: Rig, mail_server: Post, language: str, subject: str, day: str
) -> None:
    """S24; coordinators read whose mentor is to be found."""
    child = Child(office.hub())
    [parent] = family(office, child, language)
    gone: dict[str, Any] = {"youth_id": child.youth_id, "referral_id": child.referral_id}
    gone |= {"assignment_id": uuid4(), "mentor_id": MENTOR, "reason": "mentor_left"}

    await office.hear(
        MentorUnavailable(**gone, effective=date(2026, 12, 1)),
        ReassignmentNeeded(**gone),
    )
    await office.work()

    [letter] = mail_server.to(parent)
    assert letter["subject"] == subject
    assert day in letter["text"]
    said = f"{letter['subject']} {letter['text']}".lower()
    assert [word for word in (*UNSAID, "left") if word in said] == []
    sought = mail_server.to(office.settings.mail_coordinators)[-1]
    assert sought["subject"] == "A child in service has no mentor"
    assert "An assignment has ended (mentor left)." in sought["text"]
    assert f"Referral: {child.referral_id}" in sought["text"]


async def test_the_day_of_a_meeting_is_one_of_new_york(office: Rig, mail_server: Post) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)

    await office.hear(booked(child, uuid4(), datetime(2026, 11, 23, 1, 5, tzinfo=UTC)))
    await office.work()

    [letter] = mail_server.to(parent)
    assert "on Sunday, November 22 at 8:05 PM" in letter["text"]


async def test_of_a_whole_series_only_the_next_meeting_is_written_of(
    office: Rig, mail_server: Post
) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    weeks = [START + timedelta(weeks=number) for number in range(10)]

    await office.hear(*(booked(child, uuid4(), start) for start in weeks))
    await office.later(START - timedelta(days=1) - NOW)
    await office.work()

    assert len(mail_server.to(parent)) == 1


async def test_a_meeting_that_is_off_is_taken_back_only_from_who_read_of_it(
    office: Rig, mail_server: Post
) -> None:
    child, one, two = Child(office.hub()), uuid4(), uuid4()
    [parent] = family(office, child)
    near, far = NOW + timedelta(days=1), NOW + timedelta(days=5)
    await office.hear(booked(child, one, near), booked(child, two, far))
    await office.work()

    await office.hear(cancelled(child, one), cancelled(child, two))
    await office.work()
    await office.later(timedelta(days=4))
    await office.work()

    assert mail_server.subjects(parent) == ["Your next meeting", "A meeting does not take place"]
    assert "on Sunday, November 22 at 10:30 PM" in mail_server.to(parent)[1]["text"]


async def test_coordinators_read_of_referrals_and_of_what_is_missing(
    office: Rig, mail_server: Post
) -> None:
    child = Child(office.hub())
    missing = ReferralInfoRequested(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        items=(Gap.BIRTH_DATE, Gap.HUB_SERVICE),
        due=date(2026, 11, 30),
    )

    await office.hear(received(child), missing)
    await office.work()

    new, waits = mail_server.to(office.settings.mail_coordinators)
    assert new["subject"] == "A new referral"
    assert str(child.referral_id) in new["text"]
    assert "Still missing: nothing" in new["text"]
    assert "Missing: birth date, hub service" in waits["text"]
    assert "Asked for by: Monday, November 30" in waits["text"]


async def test_coordinators_read_which_hub_could_not_be_told(
    office: Rig, mail_server: Post
) -> None:
    hub = office.hub()
    await office.subscribed(hub, "referral-progress")
    child = await office.child(hub)
    hub.behave("410", times=1)

    await office.hear(task_changed(child))
    await office.work()

    letter = mail_server.to(office.settings.mail_coordinators)[-1]
    assert letter["subject"] == "A hub could not be told"
    assert f"Youth: {child.youth_id}" in letter["text"]
    assert f"Hub: {hub.partner.organisation_id}" in letter["text"]


@pytest.mark.parametrize(
    ("level", "concerned"),
    [
        (Overdue.DUE, {MENTOR}),
        (Overdue.LATE, {MENTOR, SUPERVISOR}),
        (Overdue.ESCALATED, {SUPERVISOR}),
    ],
)
async def test_who_is_written_to_about_a_missing_note(
    office: Rig, mail_server: Post, level: Overdue, concerned: set[UUID]
) -> None:
    child = Child(office.hub())
    desks = {MENTOR: address("mentor"), SUPERVISOR: address("supervisor")}
    for staff_id, desk in desks.items():
        await as_staff(office, "PUT", "me/preferences", {"address": desk}, staff_id=staff_id)

    await office.hear(overdue(child, level))
    await office.work()

    written = {staff_id for staff_id, desk in desks.items() if mail_server.to(desk)}
    assert written == concerned


async def test_who_has_said_no_address_is_not_written_to(office: Rig) -> None:
    await office.hear(overdue(Child(office.hub()), Overdue.DUE))
    await office.work()

    assert await states(office) == ["withheld"]
