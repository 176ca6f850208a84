"""`make faults`: breaks a whole stack under load, and finds whatever was lost, doubled or mixed up.

Each seed has a stack of its own: four services, gateway, PostgreSQL and Apache Kafka as real
processes. Exit status 0 when every seed is green. SEEDS (a number, or seeds with commas), SEED,
SECONDS, RATE (light events a second) and WEAKNESS are read from the environment; REPORT names a
page to write. `soak` is the same, longer, and writes its page always.
"""

import asyncio
import contextlib
import io
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

from deploy.demo.actors import World
from deploy.demo.cast import Cast
from deploy.local.machine import say
from deploy.local.stack import SERVICES, Addresses
from tests.fault import checker, report
from tests.fault.history import History
from tests.fault.load import SIZES, Children, Light, patience
from tests.fault.nemesis import BESIDE, BETWEEN, CLOCKS, KAFKA, Act, Nemesis, of_services
from tests.fault.report import RECOVERY_SECONDS, Outcome
from tests.fault.stand import Stand
from tests.fault.three import THREE, ThreeBrokers

FIRST_SEED = 31
EVENTS_PER_SECOND = 400.0
USUAL = {"SEEDS": "3", "SECONDS": "60", "RATE": f"{EVENTS_PER_SECOND}", "REPORT": ""}
# Two cores on which something is down most of the time apply fewer events than they could. What a
# minute leaves unread is read in the next; of five minutes it would be too much.
SOAK_RATE = 120.0
SOAK = {
    "SEEDS": "10",
    "SECONDS": "300",
    "RATE": f"{SOAK_RATE}",
    "REPORT": "tests/fault/reports/soak.md",
}
CHILDREN = 10
# Of each seed, so that three seeds have 60 and 60,000; a slow machine takes longer over it.
FEWEST_FAULTS, FEWEST_EVENTS = 20, 20_000
HISTORIES = Path("var/faults")


async def run(
    stand: Stand,
    seed: int,
    *,
    seconds: float,
    events_per_second: float,
    decks: Sequence[Mapping[str, Act]],
    children: int = 0,
    tellers: Sequence[str] = (),
    sizes: tuple[int, int] = SIZES,
    recovers_in: float = RECOVERY_SECONDS,
    fewest: tuple[int, int] = (0, 0),
) -> Outcome:
    """Load and break a stand that is up, let it heal, and judge what is left.

    It goes on for `seconds`, and until there were as many faults and acknowledged events as
    `fewest` says (see Nemesis.run). Without children only what the light load told is looked at:
    a stand may have had other runs.
    """
    history = History(HISTORIES / f"seed-{seed}.jsonl")
    nemesis = Nemesis(stand, history, seed)
    light = Light(stand, history, seed, tellers=tellers, sizes=sizes)
    begun_with = await nemesis.records.there()
    dsns = {name: stand.dsn(name) for name in stand.names}
    ways = await referred(stand, history, seed, children) if children else None
    streams = None if ways else light.youths

    def enough() -> bool:
        return len(history.faults) >= fewest[0] and light.told >= fewest[1]

    loop = asyncio.get_running_loop()
    begun = loop.time()
    with contextlib.redirect_stdout(io.StringIO()), patience():
        broken = asyncio.Event()  # until the last fault is over the load goes on
        async with asyncio.TaskGroup() as all_:
            all_.create_task(light.run(events_per_second=events_per_second, until=broken))
            if ways:
                all_.create_task(ways.run(seconds=seconds))
            await nemesis.run(seconds=seconds, decks=decks, enough=enough)
            lasted = loop.time() - begun
            broken.set()
        await asyncio.to_thread(stand.heal)
        history.write("healed", name="everything")
        recovery, unseen = await recovered(stand, history, dsns, recovers_in, streams)
        problems = await ways.finish() if ways else []
        if ways:
            problems += checker.said(stand.home, stand.said(), ways.private)
            if (await recovered(stand, history, dsns, recovers_in))[0] is None:
                recovery = None
    history.write("recovered", seconds=recovery, unseen=unseen)
    found = await checker.read(dsns, streams)
    history.close()
    return Outcome(
        seed=seed,
        seconds=lasted,
        history=history,
        verdict=checker.judge(history, found, stand.listeners),
        events=sum(map(len, found.stored.values())),
        effects=sum(map(len, found.effects.values())),
        published=await nemesis.records.published() - begun_with,
        recovery=recovery,
        unseen=unseen,
        children=len(ways.begun) if ways else 0,
        problems=problems,
    )


async def referred(stand: Stand, history: History, seed: int, count: int) -> Children:
    cast = Cast(World(Addresses.read(stand.home), run=f"faults-{seed}"), seed)
    await cast.subscribe()
    return Children(cast, history, count)


async def recovered(
    stand: Stand,
    history: History,
    dsns: Mapping[str, str],
    seconds: float,
    streams: Sequence[UUID] | None = None,
) -> tuple[float | None, int]:
    """Seconds until every effect is there, or None and how many are not."""
    begun, left = time.monotonic(), -1
    while (passed := time.monotonic() - begun) < seconds:
        found = await checker.unseen(dsns, stand.listeners, streams)
        if found is not None and found != left:
            history.write("unseen", number=found)
            left = found
        if found == 0:
            return passed, 0
        await asyncio.sleep(0.25)
    return None, left


def whole(
    seed: int,
    *,
    seconds: float,
    rate: float = EVENTS_PER_SECOND,
    weakness: str = "",
    fewest: tuple[int, int] = (FEWEST_FAULTS, FEWEST_EVENTS),
) -> Outcome:
    """One seed on a stack of its own, which is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="waypost-faults-"))
    stand, decks, about = stand_of(seed, folder / "stack", weakness)
    try:
        stand.up()
        say(f"Seed {seed}: breaking it for {seconds:.0f} s, {about}")
        return asyncio.run(
            run(
                stand,
                seed,
                seconds=seconds,
                events_per_second=rate,
                decks=[of_services(stand.names), BESIDE, *decks],
                children=CHILDREN,
                fewest=fewest,
            )
        )
    except TimeoutError:
        keep_logs(stand, HISTORIES, seed)
        raise
    finally:
        if kept := os.environ.get("KEEP_LOGS"):
            keep_logs(stand, Path(kept), seed)
        stand.remove()
        shutil.rmtree(folder, ignore_errors=True)


def keep_logs(stand: Stand, folder: Path, seed: int) -> None:
    if stand.folder.log.exists():
        shutil.copytree(stand.folder.log, folder / f"seed-{seed}", dirs_exist_ok=True)


def stand_of(
    seed: int, home: Path, weakness: str
) -> tuple[Stand, Sequence[Mapping[str, Act]], str]:
    """The stack of a seed, what can happen to its Kafka and around it, and both in words."""
    if seed % 3 == 0:
        return ThreeBrokers(home, weakness=weakness), [THREE, CLOCKS], "three brokers"
    far = SERVICES[seed % len(SERVICES)]
    stand = Stand(home, weakness=weakness, far=far)
    return stand, [KAFKA, {**BETWEEN, **CLOCKS}], f"{far} behind a proxy"


def seeds(given: str) -> list[int]:
    if one := os.environ.get("SEED"):
        return [int(one)]
    if "," in given:
        return [int(part) for part in given.split(",") if part]
    return list(range(FIRST_SEED, FIRST_SEED + int(given)))


def machine() -> str:
    waiting = os.getloadavg()[1]
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()};"
        " clients, services, PostgreSQL and Apache Kafka share them."
        f" Load average of the last five minutes at the end: {waiting:.1f}."
    )


def main() -> None:
    usual = SOAK if "soak" in sys.argv[1:] else USUAL
    asked = {name: os.environ.get(name) or value for name, value in usual.items()}
    seconds, rate = float(asked["SECONDS"]), float(asked["RATE"])
    weakness = os.environ.get("WEAKNESS", "")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)  # most of it is meant to fail
    outcomes, fallen = list[Outcome](), dict[int, str]()
    for seed in seeds(asked["SEEDS"]):
        try:
            outcomes.append(whole(seed, seconds=seconds, rate=rate, weakness=weakness))
        except TimeoutError as error:  # red, and no reason to keep the other seeds from running
            fallen[seed] = f"the stack did not come up, or not again: {error or 'no word of why'}"
            sys.stdout.write(f"seed={seed} verdict=red: {fallen[seed]}\n")
        else:
            report.show(outcomes[-1])
        if name := asked["REPORT"]:
            title = f"{len(outcomes)} x {seconds:.0f} s of faults, {rate:.0f} events a second"
            page = report.page(outcomes, title=title, machine=machine(), fallen=fallen)
            Path(name).write_text(page)
    for outcome in outcomes:
        sys.stdout.write(outcome.line() + "\n")
    sys.exit(1 if fallen or any(outcome.red for outcome in outcomes) else 0)


if __name__ == "__main__":
    main()
