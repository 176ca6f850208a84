"""Fifty identical commands at once, of many keys (P2): `KEYS=200` plays the promise at its size."""

import asyncio
import os
from datetime import date, timedelta

from services.chassis.db import Pool
from tests.scheduling.builders import MENTOR, make_mentor, register
from tests.scheduling.door import Door

KEYS = int(os.environ.get("KEYS", "2"))
TIMES = 50


async def test_fifty_at_once_under_each_key_are_done_once_each(door: Door, pool: Pool) -> None:
    await register(pool, make_mentor())

    async def insist(key: int) -> bytes:
        """Who is told 409 or 503 sends again, as the contract says."""
        day = date(2026, 12, 1) + timedelta(days=key)
        body = {"begins": f"{day}T09:00", "ends": f"{day}T10:00"}
        path = f"/mentors/{MENTOR}/time-off"
        async with asyncio.timeout(300):
            while True:
                answer = await door.post(path, body, by="scheduler:sam", key=f"key-{key}")
                if answer.status_code not in (409, 503):
                    break
                await asyncio.sleep(0.05)
        assert answer.status_code == 201, answer.text
        return answer.content

    for key in range(KEYS):
        assert len(set(await asyncio.gather(*(insist(key) for _ in range(TIMES))))) == 1

    assert await pool.fetchval("SELECT count(*) FROM time_off") == KEYS
