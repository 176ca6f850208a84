"""A mentor's feed: its secret address, and what it holds."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from services.chassis.clock import agency_day
from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.scheduling.commands import availability
from services.scheduling.commands.availability import Calendar
from services.scheduling.domain.appointments import Slot, start_of
from services.scheduling.store import calendar_links as store

PAST, AHEAD = timedelta(days=60), timedelta(days=400)
SECRET_BYTES = 32  # nobody guesses it, so that knowing the address is enough


async def make_link(conn: Connection, mentor_id: UUID, *, made_by: UUID, now: datetime) -> str:
    """A new secret; the address before answers no more. It is told here and kept nowhere."""
    await availability.held(conn, mentor_id)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    await store.add_calendar_link(conn, mentor_id, hashed(secret), made_by=made_by, made_at=now)
    return secret


async def remove_link(conn: Connection, mentor_id: UUID) -> None:
    """From now on nobody follows the feed by an address."""
    await availability.held(conn, mentor_id)
    await store.remove_calendar_link(conn, mentor_id)


async def mentor_of(conn: Connection, secret: str) -> UUID:
    """Whose feed a secret opens; unknown, replaced and of one who left are all not found."""
    mentor_id = await store.mentor_by_secret(conn, hashed(secret))
    if mentor_id is None:
        raise NotFound("no-such-calendar", "There is no calendar at this address any more.")
    return mentor_id


async def content(conn: Connection, mentor_id: UUID, *, now: datetime) -> Calendar:
    """What lies two months back and a year ahead."""
    today = agency_day(now)
    span = Slot(start_of(today - PAST), start_of(today + AHEAD))
    return await availability.calendar(conn, mentor_id, span)


def hashed(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
