"""deploy/ONBOARDING.md, followed to the letter: each of its blocks, in its order, in one shell."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.machine import free_ports
from deploy.local.stack import ROOT, Stack

PAGE = ROOT / "deploy/ONBOARDING.md"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DONE = "--done--"
PATIENCE_SECONDS = 60.0


class Shell:
    """A person's shell: what is typed, and all that has been said since the beginning."""

    def __init__(self, program: asyncio.subprocess.Process) -> None:
        self.program, self.said = program, ""
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        assert self.program.stdout
        while part := await self.program.stdout.read(65_536):
            self.said += part.decode(errors="replace")

    async def type(self, block: str) -> str:
        """What was said until the block was through."""
        assert self.program.stdin
        begin = len(self.said)
        self.program.stdin.write(f"{block}\necho {DONE}\n".encode())
        await self.hear(DONE, since=begin)
        return self.said[begin:].replace(DONE, "")

    async def hear(self, *words: str, since: int = 0) -> None:
        """Wait until all of it has been said, whoever says it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(word in self.said[since:] for word in words):
            assert time.monotonic() < deadline, f"{words} in vain:\n{self.said[-4000:]}"
            await asyncio.sleep(0.05)

    async def type_until(self, block: str, *words: str) -> str:
        """Type what only reads again, as a person would, until it says all of that."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            said = await self.type(block)
            if all(word in said for word in words):
                return said
            assert time.monotonic() < deadline, f"{words} in vain:\n{said[-4000:]}"


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    program = await asyncio.create_subprocess_exec(
        *("/bin/bash", "--noprofile", "--norc"),
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    shell = Shell(program)
    yield shell
    assert program.stdin
    program.stdin.write(b"kill %1\nexit\n")
    await program.wait()
    shell.reading.cancel()
    await asyncio.gather(shell.reading, return_exceptions=True)


def blocks(home: Path) -> dict[str, str]:
    """The page's blocks by the heading above, for a stack that runs elsewhere already."""
    [port] = free_ports(1)
    page = PAGE.read_text()
    elsewhere = {
        "make up\n": "",
        "var/waypost.env": f"{home}/waypost.env",
        "var/maple": f"{home}/maple",
        "../../contracts": f"{ROOT}/contracts",
        "8099": str(port),
    }
    for here, there in elsewhere.items():
        assert here in page, f"The page no longer says {here!r}."
        page = page.replace(here, there)
    found: dict[str, str] = {}
    for section in page.split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        for number, block in enumerate(BLOCK.findall(text)):
            found[f"{heading.partition('.')[0]}{'abc'[number]}"] = block
    return found


async def test_from_nothing_to_a_closed_loop(stack: Stack, shell: Shell) -> None:
    block = blocks(stack.home)

    await shell.type(block.pop("0a"))
    await shell.type(block.pop("1a"))
    registered = await shell.type(block.pop("2a"))
    assert "client_id=" in registered
    configuration = await shell.type(block.pop("3a"))
    assert "token_endpoint" in configuration

    subscribed = await shell.type(block.pop("4a"))
    assert subscribed.count("201 Created") == 2
    await shell.hear("signed handshake")

    await shell.type(block.pop("5a"))
    answer = await shell.type(block.pop("5b"))
    assert '"transaction-response"' in answer
    assert "201" in answer
    await shell.hear("signed event-notification", "/Task/")
    task = await shell.type_until(block.pop("6a"), "waitlisted")
    assert '"status": "accepted"' in task

    await shell.type(block.pop("7a"))
    await shell.hear("/Encounter/", "/CarePlan/")
    read = await shell.type_until(block.pop("7b"), '"in-progress"', '"finished"')
    assert '"resourceType": "Goal"' in read
    story = await shell.type(block.pop("7c"))
    assert "SessionLogged" in story

    assert block == {}, "The page has blocks that this test does not type."
    assert "NOT SIGNED" not in shell.said
