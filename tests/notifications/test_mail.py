"""Letters to families and staff, through a mail server on a real socket."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import Gap, Modality, Overdue, PlaceOfService, Role
from contracts.events import (
    AppointmentBooked,
    AppointmentCancelled,
    Event,
    MentorAssigned,
    NoteOverdue,
    ReferralInfoRequested,
)
from services.chassis.auth import Staff
from services.notifications.domain.mail import is_address
from services.notifications.settings import Settings
from services.notifications.work import measures
from tests.notifications.rig import NOW, Child, Rig, received, task_changed
from tests.simulators.rig import Simulator, free_port

MENTOR, SUPERVISOR = uuid4(), uuid4()
START = datetime(2026, 12, 1, 20, 30, tzinfo=UTC)  # half past three in the afternoon
# Nothing that tells what kind of help it is, or for whom.
UNSAID = ("therap", "mentoring", "health", "hub", "referral", "jordan", "okafor")


class Post:
    """The mail server, and what people read there."""

    def __init__(self, simulator: Simulator, smtp_port: int) -> None:
        self.simulator, self.smtp_port = simulator, smtp_port

    def behave(self, mode: str, *, times: int | None = None, to: str | None = None) -> None:
        self.simulator.post("/behaviour", {"mode": mode, "times": times, "to": to})

    def to(self, address: str) -> list[Any]:
        return [one for one in self.simulator.get("/log") if one["to"] == [address]]

    def subjects(self, address: str) -> list[str]:
        return [one["subject"] for one in self.to(address)]


@pytest.fixture(scope="session")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    port, home = free_port(), tmp_path_factory.mktemp("mail")
    with Simulator("mail", home, "--smtp-port", str(port)) as simulator:
        yield Post(simulator, port)


@pytest.fixture
async def office(rig: Rig, mail_server: Post) -> Rig:
    """The service with a mail server and a coordinators' mailbox of its own."""
    mail_server.behave("normal")
    rig.settings.mail_server = f"127.0.0.1:{mail_server.smtp_port}"
    rig.settings.mail_coordinators = address("coordinators")
    rig.worker = rig.new_worker()
    return rig


def address(who: str) -> str:
    return f"{who}-{uuid4().hex[:8]}@family.example"


def family(rig: Rig, child: Child, *languages: str, people: int = 1) -> list[str]:
    """People who speak for a child, and agreed to e-mail: their addresses."""
    found = [address(f"parent{number}") for number in range(people)]
    rig.referral.families[child.youth_id] = [
        {"recipient": str(uuid4()), "address": one, "languages": languages or ("en",)}
        for one in found
    ]
    return found


def assigned(child: Child) -> Event:
    return MentorAssigned(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        assignment_id=uuid4(),
        mentor_id=MENTOR,
        supervisor_id=SUPERVISOR,
        standing_until=None,
    )


def booked(child: Child, appointment_id: UUID, start: datetime = START) -> Event:
    return AppointmentBooked(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        appointment_id=appointment_id,
        episode_id=uuid4(),
        mentor_id=MENTOR,
        start=start,
        end=start + timedelta(hours=1),
        place_of_service=PlaceOfService.HOME,
        modality=Modality.IN_PERSON,
        planned_units=4,
    )


def cancelled(child: Child, appointment_id: UUID) -> Event:
    return AppointmentCancelled(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        appointment_id=appointment_id,
        episode_id=uuid4(),
        mentor_id=MENTOR,
        reason="family",
    )


def overdue(child: Child, level: Overdue) -> Event:
    return NoteOverdue(
        youth_id=child.youth_id,
        referral_id=child.referral_id,
        episode_id=uuid4(),
        session_id=None,
        appointment_id=None,
        ended_at=NOW - timedelta(days=2),
        level=level,
        mentor_id=MENTOR,
        supervisor_id=SUPERVISOR,
    )


async def states(rig: Rig) -> list[str]:
    rows = await rig.pool.fetch("SELECT state FROM mail ORDER BY occurred_at, mail_id")
    return [row["state"] for row in rows]


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


# --- Whether it may be written -------------------------------------------------------------------


async def test_without_consent_to_email_nothing_is_written(office: Rig, mail_server: Post) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    office.referral.unwritten.add(child.youth_id)

    await office.hear(assigned(child))
    await office.work()

    assert mail_server.to(parent) == []
    assert await states(office) == []


async def test_consent_taken_back_before_a_letter_leaves_stops_it(
    office: Rig, mail_server: Post
) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    mail_server.behave("451", to=parent)
    await office.hear(assigned(child))
    await office.work()
    assert await states(office) == ["queued"]

    office.referral.unwritten.add(child.youth_id)
    mail_server.behave("normal")
    await office.hurry()
    await office.work()

    assert [one["answered"] for one in mail_server.to(parent)] == ["451"]
    assert await states(office) == ["withheld"]


async def test_no_answer_about_consent_holds_a_letter(office: Rig, mail_server: Post) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    office.referral.away = True
    await office.hear(assigned(child))
    await office.work()
    assert mail_server.to(parent) == []

    office.referral.away = False
    await office.hurry()
    await office.work()

    assert len(mail_server.to(parent)) == 1


async def test_each_person_gets_a_letter_that_names_no_other(
    office: Rig, mail_server: Post
) -> None:
    child = Child(office.hub())
    one, two = family(office, child, people=2)

    await office.hear(assigned(child))
    await office.work()

    assert [letter["headers"]["to"] for letter in mail_server.to(one)] == [one]
    assert [letter["headers"]["to"] for letter in mail_server.to(two)] == [two]


async def test_a_familys_wishes_count_from_the_next_letter_on(
    office: Rig, mail_server: Post
) -> None:
    child = Child(office.hub())
    [parent] = family(office, child, "en")
    wishes = {"language": "es", "opted_out": ["next-appointment"]}

    said = await as_staff(office, "PUT", f"youths/{child.youth_id}/preferences", wishes)
    read = await as_staff(office, "GET", f"youths/{child.youth_id}/preferences")
    await office.hear(booked(child, uuid4(), NOW + timedelta(days=1)), assigned(child))
    await office.work()

    assert said.json() == read.json() == wishes
    assert mail_server.subjects(parent) == ["Buenas noticias para su familia"]
    assert sorted(await states(office)) == ["delivered", "withheld"]


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("me/preferences", {"address": "a@b.example, c@d.example"}, "one plain e-mail address"),
        ("me/preferences", {"opted_out": ["mentor-found"]}, "not for staff: mentor-found"),
        ("youths/{}/preferences", {"opted_out": ["note-overdue"]}, "not for family"),
        ("youths/{}/preferences", {"language": "tlh"}, "language"),
        ("youths/{}/preferences", {"address": "a@b.example"}, "extra"),
    ],
)
async def test_a_wish_that_cannot_be_kept_is_refused(
    office: Rig, path: str, body: Any, sentence: str
) -> None:
    answer = await as_staff(office, "PUT", path.format(uuid4()), body)

    assert answer.status_code == 422
    assert sentence in answer.text


async def test_only_those_who_work_with_families_say_their_wishes(office: Rig) -> None:
    path = f"youths/{uuid4()}/preferences"
    answers = {
        role: (await as_staff(office, "PUT", path, {}, role=role)).status_code for role in Role
    }

    assert {role for role, status in answers.items() if status == 200} == {
        Role.COORDINATOR,
        Role.SUPERVISOR,
    }


async def test_old_news_is_no_letter(office: Rig, mail_server: Post) -> None:
    """Whoever builds projections anew hears of everything since the beginning."""
    child, appointment = Child(office.hub()), uuid4()
    [parent] = family(office, child)
    await office.hear(received(child), assigned(child), booked(child, appointment))
    await office.later(timedelta(weeks=10))

    await office.work()

    assert mail_server.to(parent) == []
    assert mail_server.to(office.settings.mail_coordinators) == []


async def test_an_event_heard_twice_is_one_letter(office: Rig, mail_server: Post) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)

    told = await office.hear(assigned(child), overdue(child, Overdue.LATE))
    await office.work()
    await office.pool.execute("UPDATE inbox_cursor SET last_sequence = 0")
    await office.inbox.receive(office.pool, told)
    await office.work()

    assert len(mail_server.to(parent)) == 1
    assert len(await states(office)) == 3


# --- When the server does not take it ------------------------------------------------------------


@pytest.mark.parametrize("mode", ["451", "452", "421", "unknown"])
async def test_a_letter_comes_again_under_its_id_until_it_is_taken(
    office: Rig, mail_server: Post, mode: str
) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    mail_server.behave(mode, times=2, to=parent)

    await office.hear(assigned(child))
    await office.work()
    for _ in range(2):
        assert await states(office) == ["queued"]
        await office.later(timedelta(minutes=5))
        await office.work()

    letters = mail_server.to(parent)
    assert [letter["answered"] for letter in letters] == [mode, mode, 250]
    [mail_id] = [row["mail_id"] for row in await office.pool.fetch("SELECT mail_id FROM mail")]
    ids = {letter["headers"]["message-id"] for letter in letters}
    assert ids == {f"<{mail_id}@northlight.example>"}
    assert len({letter["headers"]["date"] for letter in letters}) == 1
    assert await states(office) == ["delivered"]


async def test_a_mailbox_that_is_none_is_written_to_once(
    office: Rig, mail_server: Post, caplog: pytest.LogCaptureFixture
) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    mail_server.behave("550", to=parent)

    with caplog.at_level(logging.DEBUG):
        await office.hear(assigned(child))
        await office.work()
        await office.later(timedelta(days=1))
        await office.work()

    assert len(mail_server.to(parent)) == 1
    assert await states(office) == ["undeliverable"]
    assert ("waypost_mail_undeliverable", 1) in await measured(office)
    assert parent not in caplog.text


async def test_a_server_that_is_away_is_tried_for_three_days(
    office: Rig, mail_server: Post
) -> None:
    office.settings.mail_server = f"127.0.0.1:{free_port()}"
    office.worker = office.new_worker()
    await office.hear(received(Child(office.hub())))
    began = office.clock.now()

    await office.work()
    while await states(office) == ["queued"]:
        await office.later(await office.pause())
        await office.work()

    assert office.clock.now() - began >= timedelta(hours=75, minutes=35)
    assert await states(office) == ["undeliverable"]


async def test_a_full_mailbox_delays_no_other(office: Rig, mail_server: Post) -> None:
    child = Child(office.hub())
    one, two = family(office, child, people=2)
    mail_server.behave("452", to=one)

    await office.hear(assigned(child))
    await office.work()

    assert [letter["answered"] for letter in mail_server.to(two)] == [250]


async def test_an_address_that_smuggles_a_line_is_not_used(office: Rig, mail_server: Post) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    for one in office.referral.families[child.youth_id]:
        one["address"] = f"{parent}\r\nBcc: evil@evil.example"

    await office.hear(assigned(child))
    await office.work()

    assert mail_server.to(parent) == mail_server.to("evil@evil.example") == []
    assert await states(office) == ["undeliverable"]


async def test_without_a_mail_server_nothing_is_written_or_kept_for_later(rig: Rig) -> None:
    await rig.hear(received(Child(rig.hub())))
    await rig.work()

    assert await states(rig) == ["withheld"]


# --- What is kept of it --------------------------------------------------------------------------


async def test_no_address_and_no_word_of_a_letter_is_kept(office: Rig, mail_server: Post) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    await office.hear(assigned(child), booked(child, uuid4(), NOW + timedelta(days=1)))
    await office.work()
    assert len(mail_server.to(parent)) == 2

    tables = await office.pool.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    for table in tables:
        find = f"SELECT count(*) FROM {table['tablename']} x WHERE x::text LIKE '%' || $1 || '%'"  # noqa: S608
        for text in (parent, "mentor has been found"):
            assert await office.pool.fetchval(find, text) == 0, table["tablename"]


async def test_each_letter_to_a_family_leaves_one_record_of_what_it_disclosed(
    office: Rig, mail_server: Post
) -> None:
    child = Child(office.hub())
    [parent] = family(office, child)
    mail_server.behave("451", times=1, to=parent)

    await office.hear(received(child), assigned(child))
    await office.work()
    await office.hurry()
    await office.work()

    [row] = await office.pool.fetch("SELECT youth_id, letter, ground FROM mail_disclosure")
    assert tuple(row) == (child.youth_id, "mentor-found", "text_email_contact")


# --- Addresses and settings ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ana.o'neil+mail@family.example", True),
        ("ana@family.example, eve@evil.example", False),
        ("Ana <ana@family.example>", False),
        ("ana@family.example\r\nBcc: eve@evil.example", False),
        ("ana@family.example\n", False),
        ("ana", False),
        ("ána@family.example", False),
        (f"{'a' * 65}@family.example", False),
        (f"a@{'b' * 253}.example", False),
        ("", False),
    ],
)
def test_an_address_is_one_and_plain(text: str, plain: bool) -> None:
    assert is_address(text) is plain


async def test_mail_settings_are_complete_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.chassis.test_settings import GOOD

    for name, value in GOOD.items():
        monkeypatch.setenv(f"WAYPOST_{name}", value)
    bad = {"MAIL_SERVER": "nowhere", "MAIL_COORDINATORS": "us", "MAIL_FROM": ""}
    for name, value in bad.items():
        monkeypatch.setenv(f"WAYPOST_{name}", value)

    with pytest.raises(SystemExit) as refused:
        Settings.read()

    said = str(refused.value).splitlines()
    assert sorted(line.split()[0] for line in said) == [
        "WAYPOST_MAIL_COORDINATORS",
        "WAYPOST_MAIL_FROM",
        "WAYPOST_MAIL_SERVER",
    ]


async def measured(rig: Rig) -> list[tuple[str, float]]:
    async with rig.pool.acquire() as conn:
        return [(metric.name, value) for metric, value, _ in await measures(conn)]


async def as_staff(
    rig: Rig,
    method: str,
    path: str,
    body: Any = None,
    *,
    role: Role = Role.COORDINATOR,
    staff_id: UUID | None = None,
) -> Any:
    token = f"staff-{uuid4()}"
    rig.staff_members[token] = Staff("pat", staff_id or uuid4(), frozenset({role}))
    headers = {"Authorization": f"Bearer {token}"}
    return await rig.http.request(method, f"/api/notifications/{path}", json=body, headers=headers)
