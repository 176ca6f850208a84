"""An operator puts a rule pack in force with `waypost seed <folder>`."""

import shutil
from pathlib import Path

import pytest

from contracts.rules import FOLDER
from services.chassis import rule_packs
from services.chassis.db import Pool
from services.cli import rules
from services.cli.databases import SERVICES
from services.referral.commands.new_rules import CHANGED
from tests.conftest import OpenDatabase
from tests.postgres import Server


@pytest.fixture(autouse=True)
def nothing_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins, and leaves, with the pack of the release."""
    monkeypatch.setattr(rule_packs, "_followed", None)


@pytest.fixture
async def pools(
    open_database: OpenDatabase, server: Server, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Pool]:
    for service in SERVICES:
        monkeypatch.setenv(f"WAYPOST_{service.upper()}_DSN", server.dsn(f"of_{service}"))
    return {service: await open_database(f"of_{service}") for service in SERVICES}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The pack of the release, with one more line in it."""
    shutil.copytree(FOLDER, tmp_path / "rules")
    changed = sorted((tmp_path / "rules").glob("*.toml"))[0]
    changed.write_text(f"{changed.read_text()}\n# another pack\n")
    return tmp_path / "rules"


async def test_a_seeded_pack_is_in_force_in_every_service_that_decides(
    pools: dict[str, Pool], folder: Path
) -> None:
    shipped = rule_packs.in_force().version

    version = await rules.keep(rules.files_of(folder), by="operator")

    for service in rules.DECIDING:
        pool = pools[service]
        assert (await rule_packs.refresh(pool)).version == version != shipped
        assert await pool.fetchval("SELECT act FROM audit") == "waypost seed"
    assert await pools["notifications"].fetchval("SELECT count(*) FROM rule_pack") == 0


async def test_who_waits_because_of_the_old_pack_is_looked_at_again(
    pools: dict[str, Pool], folder: Path
) -> None:
    await rules.keep(rules.files_of(folder), by="operator")

    assert await pools["referral"].fetchval("SELECT kind FROM work") == CHANGED


async def test_the_pack_seeded_last_decides_also_an_older_one(
    pools: dict[str, Pool], folder: Path
) -> None:
    newer = await rules.keep(rules.files_of(folder), by="operator")
    older = await rules.keep(rules.files_of(FOLDER), by="operator")

    assert (await rule_packs.refresh(pools["scheduling"])).version == older
    await rules.keep(rules.files_of(folder), by="operator")
    assert (await rule_packs.refresh(pools["scheduling"])).version == newer


async def test_a_service_nobody_seeded_decides_by_the_pack_of_its_release(
    pools: dict[str, Pool],
) -> None:
    assert (await rule_packs.refresh(pools["referral"])).version == rule_packs.shipped().version


async def test_a_pack_with_a_mistake_is_refused_and_changes_nothing(
    pools: dict[str, Pool], folder: Path
) -> None:
    (folder / "wrong.toml").write_text('[[rule]]\nkey = "unit.minutes"\n')

    with pytest.raises(SystemExit, match=r"Nothing was changed: wrong\.toml: unit\.minutes: lacks"):
        rules.files_of(folder)

    assert await pools["referral"].fetchval("SELECT count(*) FROM rule_pack") == 0


@pytest.mark.parametrize("text", ["no [toml", None])
def test_a_folder_without_rules_is_refused(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / "some.toml").write_text(text)

    with pytest.raises(SystemExit, match="Nothing was changed"):
        rules.files_of(tmp_path)
