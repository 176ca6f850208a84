"""What was told and not yet applied: counted in four databases, and waited for with an end."""

import asyncio

import pytest

from deploy.demo import backlog
from deploy.demo.backlog import Backlog, measure
from tests.demo.four import STORY, Four, id_of


async def test_what_all_have_applied_is_no_backlog_although_kafka_has_nothing(four: Four) -> None:
    assert await measure(four.databases) == (len(STORY), 0)


async def test_each_listener_that_lacks_an_event_counts_it(four: Four) -> None:
    await four.run("referral", "UPDATE event SET published_at = now()")
    await four.hear("documentation", "scheduling", 2, id_of(3))
    await four.run("notifications", "DELETE FROM inbox_cursor WHERE producer = 'documentation'")

    unpublished, behind = await measure(four.databases)

    assert behind == 2 + 1
    assert unpublished == len([one for one in STORY if one[0] != "referral"])


class Looks:
    """Looks that find, one after the other, so many events."""

    def __init__(self, *found: int) -> None:
        self.found = list(found)

    async def __call__(self, _: object) -> tuple[int, int]:
        await asyncio.sleep(0)
        if not self.found:
            raise ConnectionError
        return 0, self.found.pop(0) if len(self.found) > 1 else self.found[0]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "EVERY_SECONDS", 0.001)


async def test_it_has_drained_once_a_look_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "measure", Looks(4, 9, 3, 0))

    async with Backlog({}) as found:
        assert await found.drained(seconds=30)

    assert [sample.behind for sample in found.samples][:4] == [4, 9, 3, 0]


async def test_what_never_drains_is_said_after_the_time_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "measure", Looks(1))

    async with Backlog({}) as found:
        assert not await found.drained(seconds=0.05)


async def test_looking_that_fails_is_no_drained_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "measure", Looks())

    async with Backlog({}) as found:
        with pytest.raises(ConnectionError):
            await found.drained(seconds=30)
