"""The other services' internal doors: asked with a short-lived assertion that this one signs."""

import json
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from services.chassis import telemetry
from services.chassis.envelope import Envelope, Stream, from_json
from services.chassis.errors import NotFound, PeerUnavailable

ASSERTION_SECONDS = 60
ANSWER_SECONDS = 5.0
ALGORITHMS = {"P-256": "ES256", "P-384": "ES384"}


class Peers:
    """Asks the other services; `name` is who asks."""

    def __init__(
        self, name: str, urls: Mapping[str, str], key: ECKey, http: httpx.AsyncClient
    ) -> None:
        self.name, self.urls, self.key, self.http = name, urls, key, http
        self.assertions: dict[str, tuple[float, str]] = {}  # until when one is sent again

    async def get(self, service: str, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """A peer's answer as parsed JSON; `NotFound` for its 404, else `PeerUnavailable`."""
        with telemetry.asking(service, f"ask {service}"):
            headers = {"authorization": f"Bearer {self.assertion(service)}", **telemetry.carried()}
            try:
                answer = await self.http.get(
                    self.urls[service] + path,
                    params=params,
                    headers=headers,
                    timeout=ANSWER_SECONDS,
                )
                if answer.status_code == 401:  # our clock or key moved: sign anew next time
                    self.assertions.pop(service, None)
                if answer.status_code == 404:
                    raise NotFound("not-found", f"The {service} service knows no such thing.")
                if answer.status_code != 200:
                    raise PeerUnavailable(
                        "peer-unavailable", f"{service} answered {answer.status_code}."
                    )
                return answer.json(parse_float=Decimal)  # 1.00 stays 1.00
            except (httpx.HTTPError, ValueError) as error:
                raise PeerUnavailable(
                    "peer-unavailable", f"{service}: {type(error).__name__}."
                ) from error

    def assertion(self, service: str) -> str:
        """Who asks, and of whom: what the asked service checks against our `/internal/jwks`.

        One is sent for half of its life: to sign and to check it costs more than most questions.
        """
        until, signed = self.assertions.get(service, (0.0, ""))
        if time.monotonic() < until:
            return signed
        signed = self.sign(service)
        self.assertions[service] = time.monotonic() + ASSERTION_SECONDS / 2, signed
        return signed

    def sign(self, service: str) -> str:
        now = int(time.time())
        self.key.ensure_kid()
        algorithm = algorithm_of(self.key)
        header = {"alg": algorithm, "kid": self.key.kid, "typ": "JWT"}
        claims = {
            "iss": self.name,
            "aud": service,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": str(uuid4()),
        }
        return jwt.encode(header, claims, self.key, algorithms=[algorithm])


class HttpProducer:
    """A peer's event table, as catch-up asks for it."""

    def __init__(self, peers: Peers, service: str) -> None:
        self.peers, self.service = peers, service

    async def heads(self, since: int) -> tuple[int, dict[UUID, int]]:
        answer = await self.peers.get(self.service, "/internal/streams", params={"since": since})
        return answer["bound"], {UUID(id_): number for id_, number in answer["heads"].items()}

    async def events(self, after: Mapping[Stream, int]) -> Sequence[Envelope]:
        places = [f"{stream.stream_id}:{number}" for stream, number in after.items()]
        try:
            answer = await self.peers.get(
                self.service, "/internal/events-of", params={"after": places}
            )
        except NotFound:  # a release that is asked for one stream at a time
            return [event for one in after.items() for event in await self.events_of_one(*one)]
        return [
            from_json(event, stream)
            for stream in after
            for event in answer["events"].get(str(stream.stream_id), ())
        ]

    async def events_of_one(self, stream: Stream, after: int) -> Sequence[Envelope]:
        params = {"stream": str(stream.stream_id), "after": after}
        answer = await self.peers.get(self.service, "/internal/events", params=params)
        return [from_json(event, stream) for event in answer["events"]]


def read_key(file: Path) -> ECKey:
    """The private key of this service; its file is readable by this service alone."""
    return ECKey.import_key(json.loads(file.read_text()))


def public_keys(key: ECKey) -> dict[str, Any]:
    """What others need to verify us, as a JWK set."""
    key.ensure_kid()
    public = {**key.as_dict(private=False), "use": "sig", "alg": algorithm_of(key)}
    return {"keys": [public]}


def algorithm_of(key: ECKey) -> str:
    return ALGORITHMS[key.curve_name]
