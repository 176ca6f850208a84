"""What an operator types wrongly gets a sentence, an exit status, and changes nothing."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.chassis.db import Pool
from services.cli.__main__ import app
from tests.conftest import OpenDatabase
from tests.postgres import Server

AGENCY = {
    "WAYPOST_AGENCY_ID": "00000000-0000-4000-8000-00000000a6e4",
    "WAYPOST_AGENCY_NPI": "1093817462",
    "WAYPOST_AGENCY_NAME": "Northlight",
    "WAYPOST_STAFF_ISSUER": "https://identity.example",
}
TABLES = ("event", "work", "audit", "inbox_cursor", "inbox_waiting")
STREAM = "3f0e8a52-6f0b-4b8e-9d1c-000000000001"


@pytest.fixture
async def pools(
    open_service_database: OpenDatabase, server: Server, monkeypatch: pytest.MonkeyPatch
) -> list[Pool]:
    """The databases of referral and scheduling; the others stand in for by these."""
    opened = [await open_service_database(name) for name in ("referral", "scheduling")]
    for service in ("referral", "scheduling", "documentation", "notifications"):
        name = "scheduling" if service == "scheduling" else "referral"
        monkeypatch.setenv(f"WAYPOST_{service.upper()}_DSN", server.dsn(f"test_{name}"))
    for name, value in AGENCY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WAYPOST_DATABASE_DSN", server.dsn("test_referral"))
    return opened


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x81")
    (tmp_path / "no.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "text.json").write_text('{"keys": "x"}')
    (tmp_path / "no.toml").write_text("[[mentor]")
    (tmp_path / "odd.toml").write_text("mentor = 7\n")
    (tmp_path / "wrong.toml").write_text('[[mentor]]\nsub = 7\nfamily = "Zebra-7731"\n')
    (tmp_path / "unknown.toml").write_text("[[mentors]]\nsub = 'x'\n")
    return tmp_path


HUB = ["client", "add", "--kind", "hub", "--name", "Zebra-7731"]
NPI = [*HUB, "--npi", "1588667638", "--mrn-system", "https://harbor.test/mrn"]
WRONG = {
    "no service of that name": (["rebuild", "referrals"], "There is no service"),
    "retry of no service": (["retry", "--service", "kafka"], "There is no service"),
    "no stream's id": (["retry", "--stream", "Zebra-7731"], "a valid UUID"),
    "a thaw is no trial": (["retry", "--dry-run", "--thaw"], "decision"),
    "a moment for no thaw": (["retry", "--restored", "2026-03-02"], "give --thaw"),
    "a moment that is none": (["retry", "--thaw", "--restored", "then"], "--restored"),
    "skip without reason": (["skip", "referral", "scheduling", STREAM, "--reason", " "], "why"),
    "skip where nothing waits": (
        ["skip", "referral", "scheduling", STREAM, "--reason", "x"], "was not refused here"),
    "replay of nobody": (["replay", "kafka", "--reason", "x"], "There is no service"),
    "replay at no speed": (
        ["replay", "referral", "--reason", "x", "--per-second", "0"], "greater than"),
    "story of no id": (["story", "Zebra-7731"], "a valid UUID"),
    "story of nobody": (["story", STREAM], "No service tells of it."),
    "settings that are not there": (["--env-file", "{files}/absent", "status"], "cannot be read"),
    "settings that are a folder": (["--env-file", "{files}", "status"], "cannot be read"),
    "settings that are no text": (["--env-file", "{files}/binary", "status"], "cannot be read"),
    "seed of an absent file": (["seed", "{files}/absent.toml"], "cannot be read"),
    "seed of no text": (["seed", "{files}/binary"], "cannot be read"),
    "seed of no TOML": (["seed", "{files}/no.toml"], "is not TOML"),
    "seed of a number for mentors": (["seed", "{files}/odd.toml"], "mentor"),
    "seed of a wrong mentor": (["seed", "{files}/wrong.toml"], "mentor 1: sub"),
    "seed of nothing that is known": (["seed", "{files}/unknown.toml"], "[[mentor]]"),
    "seed of a folder of other things": (["seed", "{files}"], "no.toml: not TOML"),
    "a hub without number": (HUB, "--npi, or --identifier"),
    "a hub with two numbers": ([*NPI, "--identifier", "a:b|c"], "--npi, or --identifier"),
    "a wrong check digit": ([*HUB, "--npi", "1234567890"], "NPI"),
    "a kind that is none": (["client", "add", "--kind", "school", "--name", "x"], "hub"),
    "keys that are absent": ([*NPI, "--jwks", "{files}/absent"], "cannot be read"),
    "keys that are no text": ([*NPI, "--jwks", "{files}/binary"], "cannot be read"),
    "keys that are no JSON": ([*NPI, "--jwks", "{files}/no.json"], "not JSON"),
    "keys in a list": ([*NPI, "--jwks", "{files}/list.json"], "key"),
    "no keys": ([*NPI, "--jwks", "{files}/empty.json"], "key"),
    "keys that are a word": ([*NPI, "--jwks", "{files}/text.json"], "key"),
    "no scope": ([*NPI, "--scopes", "everything", "--jwks", "{files}/good.json"], "Scopes are"),
    "nowhere to write": (
        [*NPI, "--jwks", "{files}/good.json", "--secret-file", "{files}/absent/s"], "written"),
    "a folder to write": (
        [*NPI, "--jwks", "{files}/good.json", "--secret-file", "{files}"], "written"),
    "a name of blanks": (["client", "add", "--kind", "hub", "--name", " ", "--npi", "1588667638"],
                         "name"),
}  # fmt: skip


def waypost(*command: str) -> Result:
    return CliRunner().invoke(app, command, env={"COLUMNS": "200"})


def told(result: Result) -> str:
    return re.sub(r"[\s│]+", " ", result.output)


@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_command_is_answered_with_a_sentence(
    pools: list[Pool], files: Path, good_keys: Path, case: str
) -> None:
    command, sentence = WRONG[case]
    before = [await counts(pool) for pool in pools]

    result = await asyncio.to_thread(waypost, *(part.format(files=files) for part in command))

    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert sentence in told(result)
    assert "Traceback" not in result.output
    assert [await counts(pool) for pool in pools] == before
    if "UUID" not in sentence:  # what is no id is the operator's own word, shown to nobody else
        assert "Zebra-7731" not in result.output


@pytest.fixture
def good_keys(files: Path) -> Path:
    from tests.referral.rig import KEY

    file = files / "good.json"
    file.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    return file


async def counts(pool: Pool) -> list[int]:
    tables = list(TABLES)
    if await pool.fetchval("SELECT to_regclass('partner_organisation')"):
        tables += ["partner_organisation", "client"]
    if await pool.fetchval("SELECT to_regclass('mentor')"):
        tables += ["mentor"]
    return [await pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608


async def test_an_agency_without_an_id_is_said_so(
    pools: list[Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYPOST_AGENCY_ID", "Northlight")
    before = [await counts(pool) for pool in pools]

    result = await asyncio.to_thread(waypost, *NPI)

    assert (result.exit_code, told(result)) == (1, "WAYPOST_AGENCY_ID is not a UUID. ")
    assert [await counts(pool) for pool in pools] == before


NOWHERE = {
    "nobody listens": "postgresql://waypost@127.0.0.1:1/x",
    "no such database": None,
    "no address": "this is no address",
}


@pytest.mark.parametrize("command", [["status"], NPI, ["seed", "{files}/people.toml"]], ids=str)
@pytest.mark.parametrize("case", NOWHERE)
async def test_a_database_that_is_not_there_is_said_so(
    server: Server, files: Path, monkeypatch: pytest.MonkeyPatch, case: str, command: list[str]
) -> None:
    people = Path(__file__).parents[2] / "deploy/local/seed.toml"
    (files / "people.toml").write_text(people.read_text())
    for name in ("DATABASE", "REFERRAL", "SCHEDULING"):
        dsn = NOWHERE[case] or server.dsn("no_such_database")
        monkeypatch.setenv(f"WAYPOST_{name}_DSN", dsn)
    for name, value in AGENCY.items():
        monkeypatch.setenv(name, value)

    result = await asyncio.to_thread(waypost, *(part.format(files=files) for part in command))

    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert "database of" in told(result)
    assert "postgresql://" not in told(result)
