"""The hub's EHR: asks with a token of its own, believes a signature and nothing else."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.simulators.rig import Simulator

SECRET = b"a secret that only two of us have"


class Agency(BaseHTTPRequestHandler):
    """The least that a hub talks to: gives a token for an assertion, repeats what it was sent."""

    assertions: list[str]
    away: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/token":
            self.assertions.append(parse_qs(body.decode())["client_assertion"][0])
            self.answer(200, {"access_token": "granted", "expires_in": 300})
        elif self.away:
            type(self).away -= 1
            self.answer(503, {})
        else:
            self.answer(201, {"authorization": self.headers["Authorization"], "sent": body.hex()})

    def answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", f"{len(content)}")
        self.send_header("Location", "Task/1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the test looks at answers."""


@pytest.fixture
def agency() -> Iterator[ThreadingHTTPServer]:
    Agency.assertions, Agency.away = [], 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Agency)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(tmp_path: Path, agency: ThreadingHTTPServer) -> Iterator[Simulator]:
    with Simulator("hub", tmp_path, "--hub", "riverbend") as hub:
        base = f"http://127.0.0.1:{agency.server_port}"
        told = {
            "base_url": f"{base}/fhir",
            "token_url": f"{base}/token",
            "client_id": "riverbend-ehr",
            "webhook_secret": f"whsec_{base64.b64encode(SECRET).decode()}",
        }
        hub.post("/hubs/riverbend/configure", told)
        yield hub


def test_a_bundle_goes_out_byte_for_byte_under_a_token_for_a_signed_assertion(
    hub: Simulator,
) -> None:
    bundle = b'{"resourceType": "Bundle",\n "x": 1.00}'

    answer = hub.http.post("/hubs/riverbend/refer", content=bundle).json()

    assert answer["status"] == 201
    assert answer["headers"]["location"] == "Task/1"
    assert answer["body"] == {"authorization": "Bearer granted", "sent": bundle.hex()}
    keys = KeySet.import_key_set(hub.get("/hubs/riverbend/jwks.json"))
    claims = jwt.decode(Agency.assertions[0], keys, algorithms=["ES384"]).claims
    assert claims["iss"] == claims["sub"] == "riverbend-ehr"
    assert claims["aud"].endswith("/token")
    assert claims["exp"] - time.time() <= 300


def test_it_sends_again_while_the_other_side_is_away(hub: Simulator) -> None:
    Agency.away = 2

    answer = hub.http.post("/hubs/riverbend/refer", content=b"{}").json()

    assert (answer["status"], answer["attempts"]) == (201, 3)
    assert [one["status"] for one in hub.get("/hubs/riverbend/log")] == [201]


def notify(
    hub: Simulator, *, secret: bytes = SECRET, age: int = 0, patience: float = 30
) -> httpx.Response:
    body = (
        Path("contracts/fhir/examples") / "31-notification-care-progress-id-only.json"
    ).read_bytes()
    stamp = f"{int(time.time()) - age}"
    signature = hmac.digest(secret, f"n1.{stamp}.".encode() + body, hashlib.sha256)
    headers = {
        "webhook-id": "n1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
    return hub.http.post("/hubs/riverbend/hook", content=body, headers=headers, timeout=patience)


def test_a_signed_notification_is_logged_with_its_numbers_and_survives_a_kill(
    hub: Simulator,
) -> None:
    assert notify(hub).status_code == 200
    hub.kill()
    hub.start()

    [entry] = hub.get("/hubs/riverbend/log")
    assert entry["webhook_id"] == "n1"
    assert entry["topic"] == "care-progress"
    assert [one["number"] for one in entry["events"]] == [1, 2, 3]
    assert "/Encounter/" in entry["events"][0]["focus"]


def test_another_signature_or_an_old_stamp_is_401(hub: Simulator) -> None:
    assert notify(hub, secret=b"another").status_code == 401
    assert notify(hub, age=400).status_code == 401
    assert [one["verified"] for one in hub.get("/hubs/riverbend/log")] == [False, False]


def test_a_misbehaviour_wears_off_when_its_times_are_over(hub: Simulator) -> None:
    hub.post("/hubs/riverbend/behaviour", {"mode": "500", "times": 2})

    assert [notify(hub).status_code for _ in range(3)] == [500, 500, 200]


def test_a_silent_hub_answers_nothing(hub: Simulator) -> None:
    hub.post("/hubs/riverbend/behaviour", {"mode": "silent"})

    with pytest.raises(httpx.ReadTimeout):
        notify(hub, patience=1)
