"""The whole stack as `make up` starts it: started twice, killed in every part, stopped, back."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.local import up
from deploy.local.machine import Missing, accepts, wait_until
from deploy.local.seed import hubs
from deploy.local.stack import SERVICES, Addresses, Stack

PARTS = ["postgres", "kafka", "identity", "payer", "hub", *SERVICES, "gateway"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack") / "home")
    stack.preferred_port = None
    stack.up()
    yield stack
    stack.remove()


@pytest.fixture
def at(stack: Stack) -> Addresses:
    return Addresses.read(stack.home)


def test_a_hub_that_was_seeded_gets_a_token_and_reads(at: Addresses) -> None:
    [first, *_] = hubs()
    url = f"{at.simulators['hub']}/hubs/{first['name']}/read"

    answer = httpx.post(url, json={"path": "/Task?status=requested"}, timeout=60)

    assert answer.json()["status"] == 200
    assert answer.json()["body"]["resourceType"] == "Bundle"


def test_what_is_for_other_services_is_not_behind_the_base_url(at: Addresses) -> None:
    for path in ("/internal/jwks", "/internal/streams", "/metrics", "/health/ready"):
        assert httpx.get(f"{at.base_url}{path}", timeout=60).status_code == 404
        assert httpx.get(f"{at.ops['referral']}{path}", timeout=60).status_code != 404


def test_passwords_and_keys_are_for_their_owner_alone(stack: Stack) -> None:
    files = [*(stack.home / "secrets").iterdir(), *stack.home.glob("*.json")]
    files += [stack.home / "waypost.env", stack.folder.record("referral")]

    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
    for part in PARTS:
        command = Path(f"/proc/{stack.pid(part)}/cmdline").read_text()
        assert not any(secret in command for secret in secrets_of(stack)), part


def test_a_second_up_starts_nothing_anew(stack: Stack) -> None:
    before = {part: stack.pid(part) for part in PARTS}

    stack.up()

    assert {part: stack.pid(part) for part in PARTS} == before
    assert None not in before.values()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_killed_is_ready_again(stack: Stack, part: str) -> None:
    before = stack.pid(part)

    stack.kill(part, signal.SIGKILL)

    wait_until(lambda: stack.pid(part) not in (None, before), 90, f"{part} has no second life")
    stack.wait_for(part)


def test_up_takes_over_from_a_supervisor_that_was_killed(stack: Stack) -> None:
    os.kill(stack.folder.supervisor() or 0, signal.SIGKILL)
    stack.kill("payer")
    before = {part: stack.pid(part) for part in PARTS if part != "payer"}

    stack.up()

    assert {part: stack.pid(part) for part in PARTS if part != "payer"} == before
    assert stack.pid("payer")


async def test_after_down_nothing_is_left_and_after_up_everything_is_as_it_was(
    stack: Stack, at: Addresses
) -> None:
    conn = await asyncpg.connect(at.dsn["scheduling"])
    await conn.execute("CREATE TABLE kept (what text)")
    await conn.close()

    await asyncio.to_thread(stack.down)

    assert stack.folder.running() == {}
    assert [name for name in stack.ports() if accepts(stack.port(name))] == []
    assert await asyncio.to_thread(stack.up) == at
    conn = await asyncpg.connect(at.dsn["scheduling"])
    await conn.execute("DROP TABLE kept")
    await conn.close()


def test_one_plain_sentence_and_status_1_where_the_stack_cannot_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(self: Stack) -> Addresses:
        raise Missing("There is no Java 17: install default-jre-headless, or run `make setup`.")

    monkeypatch.setattr(Stack, "up", lacking)

    assert up.main(["up", "--home", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def secrets_of(stack: Stack) -> list[str]:
    found = []
    for file in (stack.home / "secrets").iterdir():
        with contextlib.suppress(UnicodeDecodeError):
            found.append(file.read_text().strip())
    return found
