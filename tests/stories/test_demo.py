"""`make demo` as a story: the whole play on real Kafka, its account, and each line to paste."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deploy.demo.account import Account, Logs, Wrongs, draw_up
from deploy.demo.actors import World, until
from deploy.demo.cast import Cast
from deploy.demo.lines import Line, lines
from deploy.demo.picture import look_at
from deploy.demo.play import Play
from deploy.demo.trace import trace_page
from deploy.local.stack import NO_TRACE_PAGE, ROOT, Addresses, Stack
from tests.stories.conftest import SEED
from tests.stories.records import heard_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTLING_SECONDS = 120.0
PASTED_SECONDS = 60.0


@dataclass
class Played:
    """The demonstration as it was played, and what a person would see of it at its end."""

    world: World
    cast: Cast
    play: Play
    account: Account
    said: str
    lines: Sequence[Line]

    @property
    def ids(self) -> list[str]:
        return [journey.referral_id for journey in self.play.everybody]

    def line_with(self, part: str) -> str:
        [found] = [line.text for line in self.lines if part in line.text]
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(stack: Stack) -> AsyncIterator[Played]:
    world = World(Addresses.read(stack.home), run=f"demo {SEED}")
    cast = Cast(world, random.Random(f"{SEED} demo").randrange(10**5))
    play = Play(cast, stack)
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda *words, **_: told.append(" ".join(map(str, words))))
        await play.run()
    ids = [journey.referral_id for journey in play.everybody]
    account = await cast.settled(ids, seconds=SETTLING_SECONDS)
    trace = await trace_page(world.at, play.others[0].referral_id)
    found = lines(world.at, play.shrinking, trace)
    yield Played(world, cast, play, account, "\n".join(told), found)
    await world.http.aclose()


async def test_every_referral_is_where_the_records_say_that_it_should_be(played: Played) -> None:
    problems = {line.placer: line.problems for line in played.account.lines if line.problems}

    assert problems == {}
    assert [line.notices for line in played.account.lines if line.notices] == []
    assert len(played.account.lines) == len(played.ids) >= 24
    assert Counter(line.state for line in played.account.lines) == {
        "admitted": len(played.play.served),
        "incomplete": 1,
        "ineligible": 1,
        "merged": 1,
    }


async def test_nothing_is_lost_or_done_twice_or_out_of_order_in_the_storm(played: Played) -> None:
    assert played.account.wrongs == Wrongs()
    assert (played.account.unknown, played.account.ghosts) == ([], [])
    assert "killed with -9" in played.said
    assert "Kafka is stopped" in played.said
    assert "█" in played.said  # the backlog rose
    assert "everything told is applied" in played.said


async def test_each_special_child_went_its_own_way(played: Played) -> None:
    line = {str(line.referral_id): line for line in played.account.lines}
    play = played.play

    assert line[play.absent.referral_id].no_shows == 1
    assert line[play.shrinking.referral_id].retired == 1
    assert line[play.lapsing.referral_id].payer_says == "no"
    assert "coverage-lapsed" in line[play.lapsing.referral_id].items
    assert line[play.excluded.referral_id].payer_says == "excluded"
    assert line[play.nameless.referral_id].gaps == ("hub-service",)
    assert len({journey.youth_id for journey in play.twins}) == 2
    assert played.account.refused >= 1
    assert ".resource.gender: " in played.said
    for journey in (play.first, play.second):
        assert await heard_of(played.world, journey.hub, journey.task_id) >= 2


async def test_a_notification_that_a_hub_does_not_have_makes_the_account_wrong(
    played: Played,
) -> None:
    """The whole account against a log from which one message was torn out."""
    hub = played.play.shrinking.hub
    logs = {name: await played.world.hub_log(name) for name in played.cast.hub_names}
    # Of care one thing at a time is told; of Tasks what is queued goes together.
    messages = [e for e in logs[hub] if e.get("topic") == "care-progress" and e.get("events")]
    gone = messages[-1]["webhook_id"]
    logs[hub] = [entry for entry in logs[hub] if entry.get("webhook_id") != gone]
    payer = await played.world.get("payer", "/log")

    account = await draw_up(played.world.at.dsn, Logs(logs, payer), only=played.ids)

    assert account.wrongs == Wrongs(lost=1)
    assert not account.is_right


async def test_one_childs_goals_and_sessions_are_read_as_hub_and_supervisor(
    played: Played,
) -> None:
    picture = await look_at(played.world, played.play.shrinking.referral_id)

    assert Counter(goal.status for goal in picture.goals) == {"active": 2, "cancelled": 1}
    assert [session.minutes for session in picture.sessions] == [75, 75]
    assert [session.units for session in picture.sessions] == [5, 5]
    first, second = (session.id_ for session in picture.sessions)
    for goal in picture.goals:
        wanted = {first: 1.0, second: 2.0} if goal.status == "active" else {first: 1.0}
        assert goal.ratings == wanted


# --- Lines to paste ------------------------------------------------------------------------------


async def test_the_request_with_a_fresh_token_reads_the_task(played: Played) -> None:
    answer = json.loads(await pasted(played.line_with("curl")))

    assert answer["resourceType"] == "Task"
    assert answer["id"] == played.play.shrinking.task_id
    assert answer["status"] == "in-progress"


async def test_the_readmes_request_reads_what_the_hub_has_referred(played: Played) -> None:
    [line] = [part for part in first_screen() if part.startswith("curl ")]
    elsewhere = {
        "http://127.0.0.1:8080/fhir": played.world.at.fhir,
        "deploy.demo.token": f"deploy.demo.token --home {played.world.at.home}",
    }
    for here, there in elsewhere.items():
        assert here in line
        line = line.replace(here, there)

    answer = json.loads(await pasted(line))

    assert answer["type"] == "searchset"
    assert {entry["resource"]["resourceType"] for entry in answer["entry"]} == {"Task"}


async def test_every_command_of_the_readmes_first_screen_is_among_the_lines(
    played: Played,
) -> None:
    commands = [part.split() for part in first_screen() if part.startswith(".venv/bin/")]

    assert len(commands) >= 4
    for program, *words in commands:
        name = next(word for word in words if word != "-m")
        assert any(program in line.text and name in line.text for line in played.lines), name


def first_screen() -> list[str]:
    """What README.md sets in code where it says what each reader came for."""
    page = (ROOT / "README.md").read_text()
    section = page.partition("## What you came for")[2].partition("\n## ")[0]
    return section.split("`")[1::2]


async def test_the_story_tells_the_journey_from_all_services(played: Played) -> None:
    told = await pasted(played.line_with(" story "), COLUMNS="250")

    for word in ("ReferralReceived", "EpisodeOpened", "SessionLogged", "GoalRetired"):
        assert word in told


async def test_the_picture_can_be_looked_at_again(played: Played) -> None:
    told = await pasted(played.line_with("deploy.demo.picture"))

    for word in ("✗", "active", "75 min", "5 units"):
        assert word in told


async def test_the_status_names_every_service(played: Played) -> None:
    told = await pasted(played.line_with(" status"), COLUMNS="200")

    for service in ("referral", "scheduling", "documentation", "notifications"):
        assert service in told


async def test_the_outside_scheduler_hears_who_may_be_matched_and_who_has_a_mentor(
    played: Played,
) -> None:
    referral = played.play.shrinking.referral_id
    wanted = {f"{referral} may be matched", f"{referral} has a mentor"}
    line = f"exec {played.line_with('scheduler.py')}"
    program = await asyncio.create_subprocess_shell(line, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert program.stdout
    heard: set[str] = set()
    try:
        async with asyncio.timeout(PASTED_SECONDS):
            while not wanted <= heard:
                heard.add((await program.stdout.readline()).decode().strip())
    finally:
        program.terminate()
        await program.wait()

    assert wanted <= heard


async def test_every_address_can_be_looked_at(played: Played) -> None:
    addresses = [line.text for line in played.lines if line.is_address]
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=60) as http:
        for address in addresses:
            if address != NO_TRACE_PAGE:
                assert (await http.get(address)).status_code == 200, address


async def test_the_trace_leads_over_all_services(played: Played) -> None:
    address = next((line.text for line in played.lines if "/traces/" in line.text), None)
    if address is None:
        pytest.skip("There is no trace page: `python -m deploy.local.zipkin` fetches its jar.")
    spans = address.replace("/zipkin/traces/", "/api/v2/trace/")

    async def services() -> Any:
        answer = await played.world.http.get(spans)
        found = answer.json() if answer.status_code == 200 else []
        named = {span["localEndpoint"]["serviceName"] for span in found}
        return named if len(named) == 4 else None

    assert await until("a trace over four services", services)


async def test_the_line_that_stops_everything_stops_this_stack_alone(played: Played) -> None:
    """It is not run, others still need the stack: what it would run is looked at."""
    usual = await pasted("make -n down")

    stop = played.line_with("deploy.local.up down")
    assert stop.endswith(f"down --home {played.world.at.home}")
    assert "-m deploy.local.up down" in usual


async def pasted(line: str, **env: str) -> str:
    """What a shell in this checkout prints for a line, as if it were pasted there."""
    program = await asyncio.create_subprocess_shell(
        line,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PASTED_SECONDS):
        out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    return out.decode()
