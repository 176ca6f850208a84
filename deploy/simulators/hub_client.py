"""The part of a hub's EHR that asks: SMART Backend Services token, then FHIR over HTTP."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.simulators.serving import Json

FHIR_JSON = "application/fhir+json"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 240  # SMART allows 300; a clock may be a little off
SCOPE = " ".join(
    f"system/{type_}.{may}"
    for type_, may in {
        "ServiceRequest": "cruds",
        "Task": "cruds",
        "Subscription": "cruds",
        "Patient": "crus",
        "RelatedPerson": "crus",
        "Coverage": "crus",
        "CarePlan": "crus",
        "Goal": "crus",
        "EpisodeOfCare": "crus",
        "Organization": "crs",
        "Practitioner": "crs",
        "PractitionerRole": "crs",
        "Condition": "crs",
        "Consent": "crs",
        "DocumentReference": "crs",
        "QuestionnaireResponse": "crs",
        "Location": "rs",
        "Appointment": "rs",
        "Encounter": "rs",
        "Observation": "rs",
        "Provenance": "rs",
        "CoverageEligibilityRequest": "rs",
        "CoverageEligibilityResponse": "rs",
    }.items()
)
AWAY = {502, 503, 504, 429}
PATIENCE_SECONDS = 60  # an EHR's interface engine sends again until it has an answer


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Json
    attempts: int


class FhirClient:
    """Speaks for one hub; asks again while the other side is away, for a repeat changes nothing."""

    def __init__(self, http: httpx.AsyncClient, key: ECKey, configuration: Json) -> None:
        self.http, self.key, self.configuration = http, key, configuration
        self.token, self.token_until = "", 0.0

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> Answer:
        """Send until answered; the last answer (or 599 for none at all) when patience is over."""
        deadline, attempts, pause = time.monotonic() + patience, 0, 0.2
        while True:
            attempts += 1
            answer = await self.once(method, path, body, headers or {}, attempts)
            if answer.status not in AWAY | {599} or time.monotonic() + pause > deadline:
                return answer
            await asyncio.sleep(pause)
            pause = min(pause * 2, 3)

    async def once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], attempt: int
    ) -> Answer:
        try:
            sent = {"Accept": FHIR_JSON, "Content-Type": FHIR_JSON} | dict(headers)
            sent.setdefault("Authorization", f"Bearer {await self.bearer()}")
            response = await self.http.request(
                method, self.url(path), content=body, headers={k: v for k, v in sent.items() if v}
            )
        except httpx.HTTPStatusError as error:
            return Answer(error.response.status_code, {}, read(error.response), attempt)
        except httpx.HTTPError as error:
            return Answer(599, {}, {"error": type(error).__name__}, attempt)
        if response.status_code == 401:
            self.token_until = 0.0
        return Answer(response.status_code, dict(response.headers.items()), read(response), attempt)

    def url(self, path: str) -> str:
        base = str(self.configuration["base_url"]).rstrip("/")
        if path.startswith(("http://", "https://")):
            return path
        return f"{base}/{path.lstrip('/')}" if path.strip("/") else base

    async def bearer(self) -> str:
        """Our access token, asked anew shortly before it ends."""
        if time.monotonic() > self.token_until:
            url, client_id = self.configuration["token_url"], self.configuration["client_id"]
            form = {
                "grant_type": "client_credentials",
                "scope": self.configuration.get("scope") or SCOPE,
                "client_assertion_type": ASSERTION,
                "client_assertion": self.assertion(url, client_id),
            }
            response = await self.http.post(url, data=form)
            response.raise_for_status()
            granted = response.json()
            self.token = granted["access_token"]
            self.token_until = time.monotonic() + granted.get("expires_in", 300) - 30
        return self.token

    def assertion(self, token_url: str, client_id: str) -> str:
        now = int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": token_url,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": str(uuid4()),
        }
        header = {"alg": "ES384", "kid": self.key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self.key, algorithms=["ES384"])


def read(response: httpx.Response) -> Json:
    try:
        return response.json()
    except ValueError:
        return response.text or None
