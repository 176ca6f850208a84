"""The checker, seen red: each wrong is planted in four databases that are otherwise right."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from deploy.demo.account import Wrongs
from tests.demo.four import YOUTH, Four, catch_up, id_of, message


async def test_a_story_that_was_heard_as_it_was_told_has_no_wrong(four: Four) -> None:
    assert await four.wrongs() == Wrongs()
    assert not await four.wrongs()
    assert str(await four.wrongs()) == "lost 0, twice 0, out of order 0"


async def test_a_message_that_reached_a_hub_again_under_its_number_is_a_repeat(four: Four) -> None:
    four.hub_hears(message(1), 1)

    assert await four.wrongs() == Wrongs()


async def three_together(four: Four, *numbers: int) -> None:
    """Three events in one notification, of which the hub read these numbers, if it came at all."""
    await four.send(5, told=False)
    await four.send(6, along_with=5, about=2)
    await four.send(8, along_with=5)
    if numbers:
        four.hub_hears(message(5), *numbers)


async def test_several_events_in_one_notification_are_each_accounted_for(four: Four) -> None:
    await three_together(four, 5, 6, 7, 8)
    four.hub_hears(message(5), 5, 6, 7, 8)  # a repeat

    assert await four.wrongs() == Wrongs()


Plant = Callable[[Four], Awaitable[None]]


async def cursor_behind(four: Four) -> None:
    await four.hear("documentation", "scheduling", 3, id_of(6))


async def never_heard(four: Four) -> None:
    await four.run("notifications", "DELETE FROM inbox_cursor WHERE producer = 'documentation'")


async def cursor_moved_without_effect(four: Four) -> None:
    await four.run("documentation", "DELETE FROM appointment")


async def cursor_behind_and_no_effect(four: Four) -> None:
    await cursor_behind(four)
    await cursor_moved_without_effect(four)


async def hole_in_the_log(four: Four) -> None:
    await four.run("referral", "DELETE FROM event WHERE sequence = 4")


async def given_up(four: Four) -> None:
    await four.run(
        "scheduling",
        """
        INSERT INTO inbox_skipped (consumer, stream_id, producer, sequence, event_id, event_type,
                                   reason, skipped_by, because)
        VALUES ('scheduling', $1, 'referral', 4, $2, 'AttestationRecorded.v1', 'X', 'me', 'why')
        """,
        *(YOUTH, id_of(5)),
    )


async def delivered_by_our_word_alone(four: Four) -> None:
    await four.send(5, told=False)


async def a_notification_of_three_that_never_came(four: Four) -> None:
    await three_together(four)


async def a_notification_without_one_of_its_events(four: Four) -> None:
    await three_together(four, 5, 6, 7)


async def a_notification_without_a_part_of_an_event(four: Four) -> None:
    await three_together(four, 5, 6, 8)


async def number_never_given(four: Four) -> None:
    await four.send(6)


async def number_given_to_nobody_in_the_middle(four: Four) -> None:
    await four.run("notifications", "DELETE FROM delivery WHERE first_number = 2")


LOST: dict[Plant, int] = {
    cursor_behind: 1,
    never_heard: 1,
    cursor_moved_without_effect: 1,
    cursor_behind_and_no_effect: 1,  # one event, missed once
    hole_in_the_log: 1,
    given_up: 1,
    delivered_by_our_word_alone: 1,
    a_notification_of_three_that_never_came: 3,
    a_notification_without_one_of_its_events: 1,
    a_notification_without_a_part_of_an_event: 1,
    number_never_given: 1,
    number_given_to_nobody_in_the_middle: 2,
}


@pytest.mark.parametrize(
    ("plant", "number"), LOST.items(), ids=lambda one: getattr(one, "__name__", "")
)
async def test_what_is_lost_is_counted(four: Four, plant: Plant, number: int) -> None:
    await plant(four)

    assert await four.wrongs() == Wrongs(lost=number)


async def handled_twice(four: Four) -> None:
    """The attestation was handled again: the same cause has told the same of the same youth."""
    await four.tell("scheduling", "EpisodeOpened.v1", 5, UUID(int=50), 5, episode_id=str(YOUTH))
    await catch_up(four, "scheduling", 5, UUID(int=50))
    await four.run("documentation", "INSERT INTO episode VALUES ($1, $1, $1, current_date)", YOUTH)


async def told_twice_as_new(four: Four) -> None:
    await four.tell("documentation", "SessionLogged.v1", None, UUID(int=50), 2)
    await catch_up(four, "documentation", 2, UUID(int=50))


async def number_given_to_two_events(four: Four) -> None:
    await four.hear("documentation", "scheduling", 4, UUID(int=99))


async def one_message_under_two_numbers(four: Four) -> None:
    four.hub_hears(message(1), 9)


async def two_messages_under_one_number(four: Four) -> None:
    four.hub_hears(UUID(int=99), 4)


async def an_event_in_a_notification_and_by_itself(four: Four) -> None:
    await three_together(four, 5, 6, 7, 8)
    four.hub_hears(message(8), 8)


async def one_event_in_two_messages(four: Four) -> None:
    await four.run("notifications", "ALTER TABLE delivery DROP CONSTRAINT delivery_is_added_once")
    await four.send(5)
    query = "UPDATE delivery SET event_id = $1 WHERE first_number = 5"
    await four.run("notifications", query, message(4))


TWICE: tuple[Plant, ...] = (
    handled_twice,
    told_twice_as_new,
    number_given_to_two_events,
    one_message_under_two_numbers,
    two_messages_under_one_number,
    an_event_in_a_notification_and_by_itself,
    one_event_in_two_messages,
)


@pytest.mark.parametrize("plant", TWICE)
async def test_what_was_done_twice_is_counted(four: Four, plant: Plant) -> None:
    await plant(four)

    assert await four.wrongs() == Wrongs(twice=1)


async def effect_before_an_earlier_effect(four: Four) -> None:
    """Scheduling answers the fourth event of referral, then the first."""
    await four.tell("scheduling", "ReferralWaitlisted.v1", 0, UUID(int=50), 5)
    await catch_up(four, "scheduling", 5, UUID(int=50))


async def cursor_ahead(four: Four) -> None:
    await four.hear("documentation", "scheduling", 9, UUID(int=99))


async def number_after_a_higher_one(four: Four) -> None:
    await four.send(6)
    await four.send(5)


async def stored_against_its_number(four: Four) -> None:
    await four.run("documentation", "UPDATE event SET sequence = 2")
    await four.tell("documentation", "GoalAdded.v1", None, UUID(int=50), 1)
    await four.run("documentation", "UPDATE stream SET last_sequence = 2")
    await catch_up(four, "documentation", 2, id_of(8))


OUT_OF_ORDER: tuple[Plant, ...] = (
    effect_before_an_earlier_effect,
    cursor_ahead,
    number_after_a_higher_one,
    stored_against_its_number,
)


@pytest.mark.parametrize("plant", OUT_OF_ORDER)
async def test_what_is_out_of_order_is_counted(four: Four, plant: Plant) -> None:
    await plant(four)

    assert await four.wrongs() == Wrongs(out_of_order=1)


async def test_an_event_that_was_refused_is_said_to_be_held(four: Four) -> None:
    await four.run(
        "scheduling",
        """
        INSERT INTO inbox_waiting (consumer, stream_id, producer, sequence, event_id, event_type,
                                   headers, body, occurred_at, reason)
        VALUES ('scheduling', $1, 'referral', 9, $1, 'X.v1', '{}', '', now(), 'NotYet')
        """,
        YOUTH,
    )

    assert await four.wrongs() == Wrongs(held=1)
    assert str(await four.wrongs()).endswith(", held 1")
