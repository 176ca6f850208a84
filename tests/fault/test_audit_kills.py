"""A service killed -9 as soon as it has answered: the record of each access is there (P16)."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import SIGKILL
from uuid import UUID, uuid4

import httpx
import pytest

from contracts.codes import Role
from services.chassis import audit, auth
from services.chassis.db import Pool
from services.chassis.peers import public_keys
from tests.chassis.processes import Small, environments
from tests.chassis.waiting import PATIENCE_SECONDS
from tests.postgres import Server
from tests.security.world import HUB, access_token, bearer, key_of

KILLS = 6  # twice each: staff, a partner, a partner who asks for what is not there
AT_ONCE = 12
ANSWERED = 4  # of them; then it is killed, and the rest may be answered or not
Headers = dict[str, str]
Way = Callable[[], tuple[UUID, str, Headers]]  # what is asked for, where, and by whom
ISSUER, TOKEN_URL = "http://127.0.0.1/issuer", "http://127.0.0.1/auth/token"


class Keys(BaseHTTPRequestHandler):
    """Shows the public keys of the staff's issuer and of referral, who signs for partners."""

    def do_GET(self) -> None:
        body = json.dumps(public_keys(key_of("issuer" if self.path == "/jwks" else "referral")))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def keys_shown() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def audited(tmp_path: Path, server: Server, pool: Pool) -> Iterator[Small]:
    with keys_shown() as keys:
        more = {"WAYPOST_REFERRAL_URL": keys, "WAYPOST_STAFF_JWKS_URL": f"{keys}/jwks"}
        settings = environments(tmp_path, {"scheduling": server.dsn("one")}, **more)["scheduling"]
        small = Small("scheduling", tmp_path, settings, module="tests.fault.audited")
        yield small
        small.end(SIGKILL)


async def test_an_answer_that_went_out_before_a_kill_is_on_record(
    audited: Small, pool: Pool
) -> None:
    answers: dict[UUID, int] = {}
    for number in range(KILLS):
        audited.until_ready()
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            await ask_until_killed(audited, http, answers, WAYS[number % len(WAYS)])
        audited.start()
    audited.until_ready()

    rows = await pool.fetch("SELECT act, status FROM audit")
    recorded = {UUID(row["act"].rpartition("/")[2]): row["status"] for row in rows}
    assert set(answers.values()) == {200, 404}
    assert len(answers) >= KILLS * ANSWERED
    assert answers.items() <= recorded.items()
    async with pool.acquire() as conn:
        assert await audit.broken(conn) == []


async def ask_until_killed(
    audited: Small, http: httpx.AsyncClient, answers: dict[UUID, int], way: Way
) -> None:
    """Many ask for a thing each; after a few answers the process is gone."""
    before = len(answers)

    async def ask() -> None:
        id_, path, headers = way()
        status = 503
        while status == 503:  # "not now" discloses nothing, and is not on record: ask again
            try:
                answer = await http.get(f"{audited.url}{path}/{id_}", headers=headers)
            except httpx.HTTPError:
                return
            status = answer.status_code
        answers[id_] = status
        if len(answers) == before + ANSWERED:
            audited.end(SIGKILL)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    audited.end(SIGKILL)


def as_staff() -> tuple[UUID, str, Headers]:
    told = {"iss": ISSUER, "aud": "waypost", "sub": "sam", "roles": [Role.SCHEDULER]}
    token = auth.sign(key_of("issuer"), told, lives_seconds=600)
    return uuid4(), "/api/scheduling/things", bearer(token)


def as_partner(*, absent: bool = False) -> tuple[UUID, str, Headers]:
    id_ = UUID(int=uuid4().int // 2 * 2 + absent)
    token = access_token(HUB, iss=TOKEN_URL, aud="http://127.0.0.1/fhir")
    return id_, "/fhir/Basic", bearer(token)


WAYS: tuple[Way, ...] = (as_staff, as_partner, partial(as_partner, absent=True))
