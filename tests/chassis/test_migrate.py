"""Each service has one linear history that runs as plain SQL over asyncpg."""

import asyncio

import pytest
from alembic.script import ScriptDirectory

from services.chassis.migrate import SERVICES, config_for, migrate, statements
from tests.conftest import run
from tests.postgres import Server


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_one_linear_history(service: str) -> None:
    script = ScriptDirectory.from_config(config_for(service, "postgresql://"))

    revisions = list(script.walk_revisions())

    assert len(script.get_heads()) == len(script.get_bases()) == 1
    for revision in revisions:
        assert not isinstance(revision.down_revision, tuple)


async def test_two_processes_may_migrate_at_the_same_moment(server: Server) -> None:
    await run(server, "postgres", "CREATE DATABASE migrated")
    dsn = server.dsn("migrated")
    try:
        async with asyncio.timeout(60):  # without a lock each waits for the other for ever
            await asyncio.gather(migrate("scheduling", dsn), migrate("scheduling", dsn))
        await migrate("scheduling", dsn)
    finally:
        await run(server, "postgres", "DROP DATABASE migrated WITH (FORCE)")


def test_a_file_is_split_into_statements_and_comments_hold_none() -> None:
    text = "-- one; two\nCREATE TABLE a (b int);\n\nCREATE INDEX c ON a (b); -- three;\n"

    assert statements(text) == ["CREATE TABLE a (b int)", "CREATE INDEX c ON a (b)"]
