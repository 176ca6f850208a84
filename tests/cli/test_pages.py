"""Each command that a page for operators names is there, with the options that it is given."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from services.cli.__main__ import app

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "deploy/README.md", "deploy/ONBOARDING.md", "contracts/README.md")
IN_TEXT = re.compile(r"`(?:\S*/)?waypost ([a-z][^`]+)`")
IN_BLOCKS = re.compile(r"\bwaypost ([a-z](?:.*\\\n)*.*?)(?: [|] .*)?$", re.MULTILINE)


def named() -> Iterator[tuple[str, str]]:
    """What stands behind `waypost`, in the text and in blocks that are pasted."""
    for page in PAGES:
        for number, part in enumerate((ROOT / page).read_text().split("```")):
            for said in (IN_BLOCKS if number % 2 else IN_TEXT).findall(part):
                yield page, said.replace("\\\n", " ")


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and the rest of them."""
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize(("page", "said"), sorted(set(named())))
def test_a_command_that_a_page_names_is_there(page: str, said: str) -> None:
    command, words = command_of(shlex.split(said))

    assert command.name, f"There is no such command: {said}"
    _, too_much, _ = command.make_parser(command.context_class(command)).parse_args(words)
    assert too_much == []


def test_the_pages_name_what_helps_when_something_stands_still() -> None:
    found = {command_of(shlex.split(said))[0].name for _, said in named()}

    assert {"status", "waiting", "show", "retry", "skip", "story", "verify", "rebuild"} <= found
