"""What a command reads from outside: files, and the four databases.

A database is named in the environment, else in the file that `make up` writes.
"""

import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console

from services.chassis.db import Pool, open_pool

console = Console()

SERVICES = ("referral", "scheduling", "documentation", "notifications")
DEFAULT = Path("var/waypost.env")
NOT_THERE = (
    *(OSError, ValueError),  # nobody answers; this is no address
    *(asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError),
)


def text_of(file: Path) -> str:
    """A file's text; ends the command with a sentence where there is none."""
    try:
        return file.read_text()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} cannot be read: it is no text in UTF-8.") from None


def load(file: Path | None) -> Path | None:
    """Put a file's values into the environment; what is set there already stays."""
    found = file or (DEFAULT if DEFAULT.exists() else None)
    if found:
        for line in text_of(found).splitlines():
            name, equals, value = line.removeprefix("export ").partition("=")
            if equals and name.startswith("WAYPOST_"):
                os.environ.setdefault(name, "".join(shlex.split(value)))
    return found


ENV_FILE = Annotated[
    Path | None,
    typer.Option("--env-file", help=f"Settings to read; {DEFAULT} if it is there.", callback=load),
]


def dsn_of(service: str) -> str:
    if dsn := os.environ.get(f"WAYPOST_{service.upper()}_DSN"):
        return dsn
    raise typer.BadParameter(
        f"Where is the database of {service}? Set WAYPOST_{service.upper()}_DSN or --env-file."
    )


@asynccontextmanager
async def database(service: str, dsn: str | None = None) -> AsyncIterator[Pool]:
    """A service's database, for one command; says in a sentence when it does not answer."""
    dsn = dsn or dsn_of(service)
    try:
        pool = await open_pool(dsn, size=2)
    except NOT_THERE:  # its words could hold the password
        raise typer.BadParameter(f"The database of {service} does not answer.") from None
    try:
        yield pool
    finally:
        await pool.close()
