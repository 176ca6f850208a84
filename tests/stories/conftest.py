"""One whole stack for all stories: real Kafka, PostgreSQL, gateway, four processes, partners."""

import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.demo.actors import World
from deploy.demo.cast import Cast
from deploy.local.stack import Addresses, Stack

SEED = int(os.environ["STORIES_SEED"])  # drawn for the whole run, and printed by it


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(Path(tmp_path_factory.mktemp("stories")) / "stack")
    stack.preferred_port = None
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def addresses(stack: Stack) -> Addresses:
    return Addresses.read(stack.home)


@pytest.fixture
async def world(addresses: Addresses, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = World(addresses, run=f"{request.node.nodeid} {SEED}")
    yield world
    await world.http.aclose()


@pytest.fixture
async def cast(world: World, request: pytest.FixtureRequest) -> Cast:
    """Children of this story's own: the seed and the story's name decide who they are."""
    own = random.Random(f"{SEED} {request.node.nodeid}").randrange(10**5)
    cast = Cast(world, own)
    await cast.subscribe()
    return cast


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """Times, choices and mistakes of this story; its children have a seed of their own."""
    return random.Random(f"{SEED} {request.node.nodeid} details")
