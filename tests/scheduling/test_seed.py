"""`waypost seed` as an operator runs it: a process of its own, against a database."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.chassis.auth import staff_id
from services.chassis.db import Pool
from tests.conftest import OpenDatabase
from tests.postgres import Server

ROOT = Path(__file__).parents[2]
ISSUER = "https://identity.example"
FILE = """
[[hub]]
name = "riverbend"

[[mentor]]
sub = "mia"
staff_number = "NL-0077"
given = ["Mia"]
family = "Pierre"
phone = "+1-413-555-0191"
supervisor = "sofia"
supervised_from = 2026-01-01
credential = "bachelor"
degree = "Human services"
screenings = [{ kind = "cori", valid_to = 2030-12-31 }]
languages = ["es", "en"]
windows = [{ weekday = 1, begins = "15:00", ends = "24:00" }]
max_hours = 30

[[supervisor]]
sub = "sofia"
staff_number = "NL-0004"
given = ["Sofia"]
family = "Lindgren"
phone = "+1-413-555-0194"
licence = "LICSW"
"""


async def seed(dsn: str, file: Path) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "WAYPOST_DATABASE_DSN": dsn, "WAYPOST_STAFF_ISSUER": ISSUER}
    command = [sys.executable, "-m", "services.cli", "seed", str(file)]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "seed.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.toml"
    path.write_text(FILE.replace('"bachelor"', '"knight"').replace('licence = "LICSW"', ""))
    return path


async def test_the_same_file_twice_registers_everybody_once(
    server: Server, open_service_database: OpenDatabase, file: Path
) -> None:
    pool: Pool = await open_service_database("scheduling")

    for _ in range(2):
        done = await seed(server.dsn("test_scheduling"), file)
        assert (done.returncode, done.stdout) == (0, "supervisor=1\nmentor=1\n"), done.stderr

    rows = await pool.fetch("SELECT staff_id, role, version FROM staff_member ORDER BY role")
    assert [tuple(row) for row in rows] == [
        (staff_id(ISSUER, "mia"), "mentor", 1),
        (staff_id(ISSUER, "sofia"), "supervisor", 1),
    ]
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE act = 'waypost seed'") == 4


async def test_every_fault_of_a_file_is_told_at_once_and_without_a_name(
    server: Server, faulty: Path
) -> None:
    done = await seed(server.dsn(), faulty)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "supervisor 1: licence: missing.",
        "mentor 1: credential: enum.",
    ]
