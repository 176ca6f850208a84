"""Random histories of a lane whose hub takes several events at once: whoever is killed, refused or
asks for another size, each event arrives under its number, in order, and nothing is left.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from tests.notifications.endpoints import OK, Endpoint, endpoint, reset, saying, status
from tests.notifications.rig import Child, Hub, Rig, filtered, task_changed
from tests.notifications.test_schedule import sent, to
from tests.notifications.test_together import TASK, messages, open_rows, put

STEPS = 40


class History:
    """One hub with two subscriptions to one endpoint, which share its lane."""

    def __init__(self, rig: Rig, hub: Hub, there: Endpoint, dice: random.Random) -> None:
        self.rig, self.hub, self.there, self.dice = rig, hub, there, dice
        self.post = rig.hook.post
        self.children: list[Child] = []
        self.versions: dict[UUID, int] = {}
        self.wide = UUID(int=0)
        self.asks_anew = dice.random() < 0.5
        self.accepted: list[int] = []  # which of the requests

    async def accept(self, writer: asyncio.StreamWriter) -> None:
        self.accepted.append(len(self.there.requests) - 1)
        await saying(OK)(writer)

    async def begin(self) -> None:
        self.children = [await self.rig.child(self.hub) for _ in range(3)]
        self.wide = await self.rig.subscribed(self.hub, TASK, **to(self.there.url, max_count=3))
        only = filtered("Task", self.children[0].youth_id)
        await self.rig.subscribed(
            self.hub, TASK, _criteria=only, **to(self.there.url, max_count=20)
        )

    async def something_happens(self) -> None:
        for _ in range(self.dice.randint(1, 4)):
            child = self.dice.choice(self.children)
            version = self.versions[child.youth_id] = self.versions.get(child.youth_id, 0) + 1
            await self.rig.hear(task_changed(child, version))

    async def is_told(self) -> None:
        self.there.answer = self.dice.choice([self.accept, self.accept, status(500), reset])
        await self.rig.run_lane()

    async def is_killed_before_it_sends(self) -> None:
        async def killed(*args: Any, **facts: Any) -> Any:
            raise asyncio.CancelledError

        await self.dies(killed)

    async def is_killed_before_it_hears_the_answer(self) -> None:
        async def killed(*args: Any, **facts: Any) -> Any:
            await self.post(*args, **facts)
            raise asyncio.CancelledError

        self.there.answer = self.accept
        await self.dies(killed)

    async def dies(self, post: Callable[..., Awaitable[Any]]) -> None:
        """In the middle of a call, if there is one; its successor takes back what it had."""
        self.rig.hook.post = post  # type: ignore[method-assign, assignment]
        try:
            await self.rig.run_lane()
        except asyncio.CancelledError:
            pass
        finally:
            self.rig.hook.post = self.post  # type: ignore[method-assign]
        if self.dice.random() < 0.5:  # else it goes on with the secret in hand
            self.rig.worker = self.rig.new_worker()
        await self.rig.worker.take_back()

    async def every_pause_is_over(self) -> None:
        await self.rig.hurry()

    async def it_asks_anew(self) -> None:
        most = self.dice.choice([1, 2, 3, 20])
        await put(self.rig, self.hub, self.wide, self.there.url, max_count=most)

    async def play(self) -> None:
        acts = {
            self.something_happens: 5,
            self.is_told: 5,
            self.every_pause_is_over: 4,
            self.is_killed_before_it_sends: 1,
            self.is_killed_before_it_hears_the_answer: 1,
            self.it_asks_anew: int(self.asks_anew),
        }
        for act in self.dice.choices(list(acts), list(acts.values()), k=STEPS):
            await act()

    async def end(self) -> None:
        self.there.answer = self.accept
        for _ in range(3):
            await self.rig.hurry()
            await self.rig.work()


@pytest.mark.parametrize("seed", range(8))
async def test_every_history_ends_with_each_event_told_under_its_number_and_in_order(
    rig: Rig, seed: int
) -> None:
    async with endpoint(saying(OK)) as there:
        history = History(rig, rig.hub(), there, random.Random(seed))
        await history.begin()
        await history.play()
        await history.end()

        rows = await rig.pool.fetch(
            "SELECT subscription_id, state, first_number FROM delivery WHERE event_id IS NOT NULL"
        )
        assert {row["state"] for row in rows} == {"delivered"}
        assert await open_rows(rig) == 0
        assert await rig.pool.fetchval("SELECT count(*) FROM disclosure") == len(rows)
        heard, about = dict[str, dict[int, str]](), dict[str, list[tuple[int, str]]]()
        ids = dict[tuple[str, int], str]()
        together = 0
        for place, ((id_, events), (_, said)) in enumerate(
            zip(messages(there), sent(there), strict=True)
        ):
            subscription = said["subscription"]["valueReference"]["reference"].rpartition("/")[2]
            for number, focus in events if place in history.accepted else ():
                assert heard.setdefault(subscription, {}).setdefault(number, focus) == focus
                assert ids.setdefault((subscription, number), id_) == id_ or history.asks_anew
            assert set(events) <= set(about.setdefault(id_, events))  # fewer, if it asked for fewer
            together = max(together, len(events))
        for subscription, first in heard.items():
            given = [r["first_number"] for r in rows if str(r["subscription_id"]) == subscription]
            assert list(first) == sorted(given) == list(range(1, len(given) + 1))
        assert together > 1 or history.asks_anew
