"""`waypost seed <file or folder>`: who works for the agency, or by which rules; repeat at will.

A section of the file is a kind of thing to register, a service's own model reads it and a command
of that service keeps it. Another kind is one more line in SECTIONS.
"""

import asyncio
import os
import re
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError

from services.chassis import audit
from services.chassis.audit import Access
from services.chassis.db import Connection, Pool, transaction
from services.chassis.errors import Refused
from services.cli import rules
from services.cli.databases import database, text_of
from services.scheduling.api.bodies import NewMentor, NewSupervisor
from services.scheduling.api.staff import register, register_supervisor


@dataclass(frozen=True)
class Section:
    """How one kind of section is read and kept. `keep` names what it registered, `Type/id`."""

    name: str
    body: type[BaseModel]
    keep: Callable[[Connection, Any, str], Awaitable[str]]


async def keep_supervisor(conn: Connection, body: NewSupervisor, issuer: str) -> str:
    return f"PractitionerRole/{await register_supervisor(conn, body, issuer=issuer)}"


async def keep_mentor(conn: Connection, body: NewMentor, issuer: str) -> str:
    return f"PractitionerRole/{(await register(conn, body, issuer=issuer)).mentor_id}"


# In this order: a mentor names a supervisor who is there already.
SECTIONS = (
    Section("supervisor", NewSupervisor, keep_supervisor),
    Section("mentor", NewMentor, keep_mentor),
)
SERVICE = "scheduling"


def seed(
    file: Annotated[
        Path,
        typer.Argument(
            help="TOML with [[supervisor]] and [[mentor]] sections, or a folder: a rule pack."
        ),
    ],
) -> None:
    """Register supervisors and mentors, or put a rule pack in force; twice changes nothing more.

    People need the database of scheduling and WAYPOST_STAFF_ISSUER: who a person is follows from
    the issuer and `sub`; sections of other kinds are left alone. A folder of [[rule]] files is
    put in force in every service that decides, from now on; decisions made stay as they are.
    """
    if file.is_dir():
        version = asyncio.run(rules.keep(rules.files_of(file), by=operator()))
        typer.echo(f"rules={version}")
        return
    entries = read(file)
    if not (issuer := os.environ.get("WAYPOST_STAFF_ISSUER")):
        raise SystemExit("WAYPOST_STAFF_ISSUER is missing.")
    asyncio.run(keep(entries, issuer))
    for section in SECTIONS:
        count = sum(found is section for found, _ in entries)
        typer.echo(f"{section.name}={count}")


def read(file: Path) -> Sequence[tuple[Section, BaseModel]]:
    """What the file asks for, in the order to be kept; every fault of it is told at once."""
    try:
        told = tomllib.loads(text_of(file))
    except tomllib.TOMLDecodeError:
        raise SystemExit(f"{file} is not TOML.") from None
    entries: list[tuple[Section, BaseModel]] = []
    faults: list[str] = []
    for section in SECTIONS:
        rows = told.get(section.name, [])
        if not isinstance(rows, list):
            faults.append(f"{section.name}: write [[{section.name}]], once for each.")
            continue
        for number, row in enumerate(rows, 1):
            try:
                entries.append((section, section.body.model_validate(row)))
            except ValidationError as error:
                faults += faults_of(f"{section.name} {number}", error)
    if faults:
        raise SystemExit("\n".join(faults))
    if not entries:
        names = " or ".join(f"[[{section.name}]]" for section in SECTIONS)
        raise SystemExit(f"{file} has no {names} section.")
    return entries


def faults_of(place: str, error: ValidationError) -> list[str]:
    """Where and what, without the values: among them are names."""
    return [
        f"{place}: {'.'.join(map(str, fault['loc']))}: {fault['type'].replace('_', ' ')}."
        for fault in error.errors(include_input=False, include_url=False)
    ]


async def keep(entries: Sequence[tuple[Section, BaseModel]], issuer: str) -> None:
    async with database(SERVICE, os.environ.get("WAYPOST_DATABASE_DSN")) as pool:
        for number, (section, body) in enumerate(entries, 1):
            await keep_one(pool, section, body, issuer, number)


async def keep_one(pool: Pool, section: Section, body: BaseModel, issuer: str, number: int) -> None:
    try:
        async with transaction(pool) as conn:
            named = await section.keep(conn, body, issuer)
            await audit.record(conn, Access(operator(), "waypost seed", 200, [named]))
    except Refused as error:
        raise SystemExit(f"{section.name} (entry {number}): {error}") from None


def operator() -> str:
    """Whose act this is: the account's name, as the machine knows it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "", os.environ.get("USER", "")) or "operator"
