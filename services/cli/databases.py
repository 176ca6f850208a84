"""Finds the four databases: in the environment, else in the file that `make up` writes."""

import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from services.chassis.db import Pool, open_pool

SERVICES = ("referral", "scheduling", "documentation", "notifications")
DEFAULT = Path("var/waypost.env")


def load(file: Path | None) -> Path | None:
    """Put a file's values into the environment; what is set there already stays."""
    found = file or (DEFAULT if DEFAULT.exists() else None)
    if found:
        try:
            lines = found.read_text().splitlines()
        except OSError:
            raise typer.BadParameter(f"{found} cannot be read.") from None
        for line in lines:
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
async def database(service: str) -> AsyncIterator[Pool]:
    """A service's database, for one command; says in a sentence when it does not answer."""
    try:
        pool = await open_pool(dsn_of(service), size=2)
    except OSError as error:
        raise typer.BadParameter(f"The database of {service} does not answer.") from error
    try:
        yield pool
    finally:
        await pool.close()
