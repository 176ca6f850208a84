"""What reaches people outside: a scheduler by events, a family by e-mail."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from joserfc.jwk import ECKey

from deploy.demo.actors import World
from deploy.demo.cast import Cast
from deploy.local.stack import Addresses
from deploy.simulators.hub_client import FhirClient
from tests.stories.scenes import becomes
from tests.stories.test_stream_stories import lost_by_kafka

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deploy/examples/scheduler.py"


def scheduler_of(world: World, folder: Path) -> FhirClient:
    """An outside scheduler's client, registered with the command that an operator has."""
    key = ECKey.generate_key("P-384", auto_kid=True)
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "services.cli", "client", "add", "--kind=scheduler"),
            *("--name=Outside", "--identifier=https://outside.example|1", f"--jwks={jwks}"),
        ],
        cwd=ROOT,
        env={"WAYPOST_DATABASE_DSN": world.at.dsn["referral"]},
        capture_output=True,
        text=True,
        check=True,
    )
    ids = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    configuration = {
        "base_url": f"{world.at.base_url}/events",
        "token_url": world.at.token_url,
        "client_id": ids["client_id"],
        "scope": "system/Event.r",
    }
    return FhirClient(world.http, key, configuration)


@asynccontextmanager
async def running(at: Addresses, token: Path, group: str) -> AsyncIterator[list[str]]:
    """The example as its user starts it; what it has printed so far."""
    said: list[str] = []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), at.kafka, f"{at.base_url}/events", str(token), group),
        stdout=asyncio.subprocess.PIPE,
    )

    async def listen() -> None:
        assert process.stdout
        async for line in process.stdout:
            said.append(line.decode().strip())  # noqa: PERF401 (it is read while it grows)

    listening = asyncio.create_task(listen())
    try:
        yield said
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


def test_the_example_is_as_short_as_we_say() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 40


async def test_an_outside_scheduler_hears_of_each_child_once_whatever_kafka_loses(
    cast: Cast, world: World, addresses: Addresses, tmp_path: Path
) -> None:
    client = scheduler_of(world, tmp_path)
    token = tmp_path / "token"
    token.write_text(await client.bearer())
    [journey] = cast.journeys(1)
    await journey.refer()
    await journey.be_accepted()
    wanted = [f"{journey.referral_id} has a mentor", f"{journey.referral_id} may be matched"]

    async def mine(said: list[str]) -> list[str]:
        """Each once; two producers have no order between them."""
        return sorted(line for line in said if line.startswith(journey.referral_id))

    async with lost_by_kafka(addresses, journey, "MentorAssigned.v1", service="scheduling"):
        await journey.attest()
        await journey.be_matched()
        async with (
            running(addresses, token, f"one-{uuid4()}") as one,
            running(addresses, token, f"two-{uuid4()}") as two,
        ):
            await becomes("it is told by HTTP what Kafka lost", lambda: mine(one), wanted)
            await becomes("a group of its own hears all of it", lambda: mine(two), wanted)

    answer = await client.ask("GET", f"referral?stream={journey.youth_id}&after=1")
    assert answer.body["events"][0]["sequence"] == 2
    assert "Reyes" not in json.dumps(answer.body)


async def test_a_family_that_agrees_reads_that_there_is_a_mentor(cast: Cast, world: World) -> None:
    told, untold = cast.journeys(2)
    for journey in (told, untold):
        await journey.refer()
        await journey.be_accepted()
    path = f"/api/referral/referrals/{told.referral_id}/email-consent"
    await world.staff("carla.coordinator", "POST", path, {"stands": True})
    for journey in (told, untold):
        await journey.attest()
        await journey.be_matched()

    async def letters(placer: str) -> int:
        log: list[Any] = await world.get("mail", "/log")
        return len([one for one in log if one["to"] == [f"{placer.lower()}@family.example"]])

    await becomes("the family has read it", lambda: letters(told.child.placer), 1)
    assert await letters(untold.child.placer) == 0
    coordinators = [one["text"] for one in await world.get("mail", "/log")]
    assert any(told.referral_id in text for text in coordinators)
