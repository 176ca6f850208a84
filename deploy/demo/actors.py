"""Everybody who acts in the demonstration, each through the door that is theirs."""

import asyncio
import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx

from deploy.local.stack import Addresses

Json = Any

PATIENCE_SECONDS = 90  # a part that was killed is back long before
AWAY = {429, 502, 503, 504}


class Refusal(Exception):
    """Somebody said no where the story needs a yes; the message says who, to what, and why."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Json
    headers: dict[str, str]


async def until(what: str, measure: Any, *, seconds: float | None = None) -> Any:
    """Ask again until there is an answer that is not None; says what it waited for in vain."""
    seconds = PATIENCE_SECONDS if seconds is None else seconds
    deadline, pause = time.monotonic() + seconds, 0.05
    while (found := await measure()) is None:
        if time.monotonic() > deadline:
            raise Refusal(f"{what}: nothing in {seconds:.0f} seconds.")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 1.0)
    return found


class World:
    """The addresses of a running stack and one HTTP client for all who act."""

    def __init__(self, addresses: Addresses, run: str) -> None:
        self.at, self.run = addresses, run
        self.http = httpx.AsyncClient(timeout=30, trust_env=False)
        self.tokens: dict[str, tuple[str, float]] = {}
        self.done: Counter[str] = Counter()

    # --- Staff ----------------------------------------------------------------------

    async def staff(
        self, person: str, method: str, path: str, body: Json = None, *, refused_ok: bool = False
    ) -> Answer:
        """One act of one member of staff; sent again under the same key while a part is away.

        Who does the same once more means it: that is another act, under another key.
        """
        act = f"{self.run} {person} {method} {path} {json.dumps(body)}"
        self.done[act] += 1
        key = str(uuid5(NAMESPACE_URL, f"{act} {self.done[act]}"))

        async def send() -> Answer | None:
            try:
                headers = {"Authorization": f"Bearer {await self.token(person)}"}
                if method != "GET":
                    headers["Idempotency-Key"] = key
                url = f"{self.at.base_url}{path}"
                response = await self.http.request(method, url, json=body, headers=headers)
            except httpx.HTTPError:
                return None
            answer = Answer(response.status_code, read(response), dict(response.headers))
            return None if answer.status in AWAY or in_flight(answer) else answer

        answer: Answer = await until(f"{person}: {method} {path}", send)
        if answer.status >= 400 and not refused_ok:
            raise Refusal(f"{person}: {method} {path} was answered {answer.status}: {answer.body}")
        return answer

    async def token(self, person: str) -> str:
        token, until_ = self.tokens.get(person, ("", 0.0))
        if time.monotonic() > until_:
            url = f"{self.at.simulators['identity']}/token"
            response = await self.http.post(url, data={"username": person})
            response.raise_for_status()
            granted = response.json()
            token = granted["access_token"]
            self.tokens[person] = (token, time.monotonic() + granted["expires_in"] - 60)
        return token

    # --- Partners, through the systems that stand for them ---------------------------------------

    async def hub(self, name: str, act: str, body: Json) -> Answer:
        """What a hub's EHR did and was answered; the EHR itself sends again while we are away."""

        async def send() -> Answer | None:
            try:
                url = f"{self.at.simulators['hub']}/hubs/{name}/{act}"
                response = await self.http.post(url, json=body, timeout=120)
            except httpx.HTTPError:
                return None
            told = response.json()
            if told["status"] in AWAY | {599}:
                return None
            return Answer(told["status"], told["body"], told["headers"])

        answer: Answer = await until(f"{name}: {act}", send)
        return answer

    async def read(self, hub: str, path: str) -> Json:
        """What the hub reads there, or None while it reads nothing."""
        answer = await self.hub(hub, "read", {"path": path})
        return answer.body if answer.status == 200 else None

    async def hub_log(self, name: str) -> list[Json]:
        found: list[Json] = await self.get("hub", f"/hubs/{name}/log")
        return found

    async def get(self, simulator: str, path: str) -> Json:
        response = await self.http.get(f"{self.at.simulators[simulator]}{path}")
        response.raise_for_status()
        return response.json()

    async def payer(self, act: str, body: Json) -> None:
        response = await self.http.post(f"{self.at.simulators['payer']}/{act}", json=body)
        response.raise_for_status()

    # --- Time ----------------------------------------------------------------------

    @property
    def clock(self) -> Path:
        return Path(self.at.home) / "clock"

    def now(self) -> datetime:
        """Business time, as the services see it."""
        return datetime.now(UTC) + self.skipped()

    def skipped(self) -> timedelta:
        try:
            return timedelta(seconds=float(self.clock.read_text()))
        except (OSError, ValueError):
            return timedelta()

    def skip_to(self, moment: datetime) -> None:
        """Let business time pass up to a moment, for all services at once; never back."""
        ahead = max(self.skipped(), moment - datetime.now(UTC))
        written = self.clock.with_suffix(".new")
        written.write_text(str(ahead.total_seconds()))
        os.replace(written, self.clock)


def in_flight(answer: Answer) -> bool:
    """The same request of ours is in hand in a part that stood still: to be asked again."""
    return answer.status == 409 and answer.body.get("code") == "in-flight"


def read(response: httpx.Response) -> Json:
    try:
        return response.json()
    except ValueError:
        return response.text
