"""A service waits for its database to be migrated, and says so; a newer one is no fault."""

import asyncio
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from services.chassis import loops, schema
from services.chassis.db import Pool
from services.chassis.migrate import SERVICES, config_for
from tests.chassis.waiting import until
from tests.conftest import OpenDatabase

ROOT = Path(__file__).parents[2] / "services"
REFERRAL = ROOT / "referral/migrations/versions"


@pytest.fixture
async def migrated(open_service_database: OpenDatabase) -> Pool:
    return await open_service_database("referral")


@pytest.mark.parametrize("service", SERVICES)
def test_the_newest_file_is_the_newest_revision(service: str) -> None:
    script = ScriptDirectory.from_config(config_for(service, ""))

    told = [one.revision for one in script.walk_revisions()]
    assert schema.revisions(ROOT / service / "migrations/versions") == told[::-1]


async def test_a_migrated_database_is_as_new_as_its_code(migrated: Pool) -> None:
    await schema.require(migrated, "referral", REFERRAL)


async def test_a_database_that_a_newer_release_has_migrated_is_no_fault(migrated: Pool) -> None:
    await migrated.execute("UPDATE alembic_version SET version_num = '9999'")

    await schema.require(migrated, "referral", REFERRAL)


@pytest.mark.parametrize(
    "older", ["UPDATE alembic_version SET version_num = '0001'", "DROP TABLE alembic_version"]
)
async def test_an_older_one_is_waited_for_and_its_log_says_what_to_do(
    migrated: Pool, older: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "PAUSE_SECONDS", 0.01)
    newest = schema.revisions(REFERRAL)[-1]
    await migrated.execute(older)

    waiting = asyncio.create_task(
        loops.patiently("schema", lambda: schema.require(migrated, "referral", REFERRAL))
    )
    await until(lambda: says(caplog, "not-there-yet"), True)
    assert not waiting.done()
    told = next(one for one in caplog.records if one.message == "database-behind")
    assert told.__dict__["cure"] == "python -m services.chassis.migrate referral"

    await migrated.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)")
    await migrated.execute("DELETE FROM alembic_version")
    await migrated.execute("INSERT INTO alembic_version VALUES ($1)", newest)
    async with asyncio.timeout(60):
        await waiting


async def says(caplog: pytest.LogCaptureFixture, event: str) -> bool:
    return event in caplog.messages
