"""The agency's identity provider: signs in staff by name alone, as a demonstration needs it.

`python -m deploy.simulators.identity --port P --home DIR [--people FILE] [--issuer URL]`
"""

import time
import tomllib
from pathlib import Path
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deploy.simulators.serving import Json, arguments, refused, rsa_key, serve

PEOPLE = Path(__file__).with_name("people.toml")
AUDIENCE = "waypost"
TOKEN_SECONDS = 600


class Identity:
    def __init__(self, issuer: str, key: RSAKey, people: list[Json]) -> None:
        self.issuer, self.key = issuer, key
        self.people = {person["sub"]: person for person in people}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/jwks.json", self.jwks),
                Route("/token", self.token, methods=["POST"]),
                Route("/people", self.list_people),
            ]
        )

    async def jwks(self, request: Request) -> JSONResponse:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def list_people(self, request: Request) -> JSONResponse:
        return JSONResponse({"issuer": self.issuer, "people": list(self.people.values())})

    async def token(self, request: Request) -> JSONResponse:
        """Form field `username` → a bearer token with this person's roles; 400 for a stranger."""
        form = parse_qs((await request.body()).decode())
        person = self.people.get(form.get("username", [""])[0])
        if not person:
            return refused(400, "Nobody of this name works here: see GET /people.")
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": person["sub"],
            "roles": person["roles"],
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        header = {"alg": "RS256", "kid": self.key.kid}
        token = jwt.encode(header, claims, self.key, algorithms=["RS256"])
        return JSONResponse(
            {"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS}
        )


def main() -> None:
    parser = arguments("The staff's identity provider.")
    parser.add_argument("--people", type=Path, default=PEOPLE)
    parser.add_argument("--issuer", help="default: http://<host>:<port>")
    options = parser.parse_args()
    people = tomllib.loads(options.people.read_text())["people"]
    issuer = options.issuer or f"http://{options.host}:{options.port}"
    serve(Identity(issuer, rsa_key(options.home / "key.json"), people).app(), options)


if __name__ == "__main__":
    main()
