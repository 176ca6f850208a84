"""Letters on their way: whether one may be written, who takes it, and what is kept of it."""

import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts.codes import Overdue, Role
from deploy.local.machine import free_ports
from services.notifications.domain.mail import is_address
from services.notifications.settings import Settings
from tests.notifications.mailroom import (
    Post,
    as_staff,
    assigned,
    booked,
    family,
    measured,
    overdue,
    states,
)
from tests.notifications.rig import NOW, Child, Rig, received

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
    office.settings.mail_server = f"127.0.0.1:{free_ports(1)[0]}"
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
