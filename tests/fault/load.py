"""Who uses the stack while it breaks: clients of the light load, and children on their real way."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from uuid import UUID

import httpx

from deploy.demo import actors
from deploy.demo.actors import Refusal
from deploy.demo.cast import Cast, arrive, begin
from deploy.demo.children import Child, without_goals
from deploy.demo.journey import Journey
from tests.fault.history import Act, Answer, History
from tests.fault.stand import Stand

CLIENTS = 12
YOUTHS = 200
SIZES = (12, 36)  # events of one act, at least and at most
FAILS = 0.03  # of the acts are rolled back on purpose
SLOW = 0.2  # of them hold their transaction open for a while
SLOWEST_SECONDS = 0.03
REPEATS = 0.02  # of the acknowledged acts are sent again under the same key
AGAIN_SECONDS = 0.2
LAST_CHILD = 0.6  # of the run: who is referred later could not come far
PATIENCE_SECONDS = 300  # of hubs and staff: something they need is away most of the time
CHILD_SECONDS = 4.0  # between the referrals of two children
NOT_YET = 401  # a service whose clock is wrong knows no token; its staff sign in again


class Light:
    """Clients that together send `events` in `seconds`, each waiting for its own answer."""

    def __init__(
        self,
        stand: Stand,
        history: History,
        seed: int,
        *,
        tellers: Sequence[str] = (),
        sizes: tuple[int, int] = SIZES,
    ) -> None:
        self.history, self.chance = history, random.Random(f"light {seed}")
        self.tellers, self.sizes = tellers or stand.names, sizes
        self.urls = {name: stand.url(name) for name in self.tellers}
        self.youths = [UUID(int=self.chance.getrandbits(128)) for _ in range(YOUTHS)]
        self.sent = self.told = 0

    async def run(self, *, events_per_second: float, until: asyncio.Event) -> None:
        """A client that had to wait makes up for it: what was lost in faults is sent later."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        limits = httpx.Limits(max_keepalive_connections=CLIENTS)
        async with httpx.AsyncClient(timeout=10, limits=limits, trust_env=False) as http:

            async def client() -> None:
                while not until.is_set():
                    if self.sent < events_per_second * (loop.time() - begun):
                        await self.act(http)
                    else:
                        await asyncio.sleep(0.01)

            async with asyncio.TaskGroup() as clients:
                for _ in range(CLIENTS):
                    clients.create_task(client())

    async def act(self, http: httpx.AsyncClient) -> None:
        chance = self.chance
        streams = chance.sample(self.youths, chance.randint(*self.sizes))
        body = {
            "streams": [str(stream) for stream in streams],
            "pause": chance.random() * SLOWEST_SECONDS if chance.random() < SLOW else 0,
            "fail": chance.random() < FAILS,
        }
        key = UUID(int=chance.getrandbits(128))
        act = self.history.invoke(Act(key, chance.choice(self.tellers), len(streams)))
        self.sent += len(streams)
        patient, repeat = chance.random() < 0.5, chance.random() < REPEATS
        answer = await self.send(http, act, body)
        for _ in range(20):
            if answer != "info" or not patient:
                break
            await asyncio.sleep(AGAIN_SECONDS)
            answer = await self.send(http, act, body)
        if answer == "ok":
            self.told += len(streams)
        if answer == "ok" and repeat:
            await self.send(http, act, body)
        if answer == "fail":
            self.sent -= len(streams)
            await asyncio.sleep(AGAIN_SECONDS)

    async def send(self, http: httpx.AsyncClient, act: Act, body: object) -> Answer:
        status, answer = 0, "info"
        try:
            response = await http.post(f"{self.urls[act.to]}/light/{act.key}", json=body)
            status = response.status_code
            # A 503 may speak of a commit whose answer was lost.
            answer = "ok" if status == 200 else "fail" if status < 500 else "info"
        except (httpx.ConnectError, httpx.ConnectTimeout):
            answer = "fail"
        except httpx.HTTPError:
            pass
        self.history.answer(act, answer, status)  # type: ignore[arg-type]
        return answer  # type: ignore[return-value]


@asynccontextmanager
async def loaded(light: Light, events_per_second: float) -> AsyncIterator[None]:
    """The clients are at work inside the block; after it all of them have their answers."""
    ended = asyncio.Event()
    load = asyncio.create_task(light.run(events_per_second=events_per_second, until=ended))
    try:
        yield
    finally:
        ended.set()
        await load
        light.history.close()


class Children:
    """Hubs refer children and staff act on them, all through the gateway, while it breaks."""

    def __init__(self, cast: Cast, history: History, count: int) -> None:
        self.cast, self.history = cast, history
        self.journeys = cast.journeys(count)
        self.signs = [f"{n}q{cast.seed}xzvk" for n in range(count)]  # stand nowhere else
        for journey, sign in zip(self.journeys, self.signs, strict=True):
            journey.child = marked(journey.child, sign)
        for journey in self.journeys[1::4]:
            journey.sent = 3
        for journey in self.journeys[2::4]:
            journey.child, journey.amended = without_goals(journey.child), True
        self.begun: list[Journey] = []
        self.refused: list[str] = []

    @property
    def private(self) -> list[str]:
        """Words of these children that no log and no record may say."""
        births = (journey.child.birth_date.isoformat() for journey in self.begun)
        return [*self.signs, *births, *(journey.child.member_id for journey in self.begun)]

    async def run(self, *, seconds: float) -> None:
        """Begin with a child every few seconds; returns when all of them are in service."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds * LAST_CHILD
        async with asyncio.TaskGroup() as ways:
            for number, journey in enumerate(self.journeys):
                if loop.time() > until:
                    return
                self.begun.append(journey)
                ways.create_task(self.way(journey, number))
                await asyncio.sleep(CHILD_SECONDS)

    async def way(self, journey: Journey, number: int) -> None:
        try:
            await arrive(journey)
            self.history.write("referred", referral=journey.referral_id, hub=journey.hub)
            await begin(journey, number)
            self.history.write("in service", referral=journey.referral_id)
        except (Refusal, ValueError) as refusal:  # ValueError: what was answered is no JSON
            self.refused.append(f"{journey.label}: {refusal}")
            self.history.write("refused", why=str(refusal))

    async def finish(self) -> list[str]:
        """Their sessions are held and read; gives what is not as it should be, in words."""
        if self.refused:
            return self.refused
        with suppress(Refusal):
            await self.cast.see(self.begun)
        account = await self.cast.settled([j.referral_id for j in self.begun])
        return [f"{line.placer}: {p}" for line in account.lines for p in line.problems]


def marked(child: Child, sign: str) -> Child:
    """The same child; whatever is said of it in words carries the sign."""
    return replace(
        child,
        given=f"Giv{sign}",
        family=f"Fam{sign}",
        guardian=f"Gua{sign}",
        mrn=f"MRN-{sign}",
        goals=tuple(f"{goal} {sign}" for goal in child.goals),
    )


@contextmanager
def patience() -> Iterator[None]:
    """Hubs and staff wait longer than in a demonstration, and sign in again where they must."""
    before, away = actors.PATIENCE_SECONDS, set(actors.AWAY)
    actors.PATIENCE_SECONDS = PATIENCE_SECONDS
    actors.AWAY.add(NOT_YET)
    try:
        yield
    finally:
        actors.PATIENCE_SECONDS = before
        actors.AWAY.clear()
        actors.AWAY.update(away)
