"""What a new hub's system has to be able to do itself: a key, a token, a notification's signature.

`hub.py key`, `hub.py token CLIENT_ID TOKEN_URL`, `hub.py listen PORT SECRET_FILE`; see
deploy/ONBOARDING.md. Knows nothing of ours but what a partner is told.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

KEY, PUBLIC = Path("hub-key.json"), Path("hub-jwks.json")
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "system/*.cruds"
OLDEST_SECONDS = 300  # an older stamp may be a replay


def key() -> None:
    """A private key, which stays with the hub, and the public one, which it gives us."""
    made = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    KEY.touch(mode=0o600)
    KEY.write_text(json.dumps(made.as_dict(private=True)))
    PUBLIC.write_text(json.dumps({"keys": [made.as_dict(private=False)]}))


def token(client_id: str, url: str) -> None:
    """SMART Backend Services: a signed assertion for a token of a few minutes."""
    own, now = ECKey.import_key(json.loads(KEY.read_text())), int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": url, "exp": now + 240, "jti": str(uuid4())}
    form = {
        "grant_type": "client_credentials",
        "scope": SCOPE,
        "client_assertion_type": ASSERTION,
        "client_assertion": jwt.encode(
            {"alg": "ES384", "kid": own.kid}, claims, own, algorithms=["ES384"]
        ),
    }
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(url, body, timeout=10) as answer:  # noqa: S310
        print(json.load(answer)["access_token"])


def is_ours(secret: bytes, headers: dict[str, str], body: bytes) -> bool:
    """Standard Webhooks: a v1 signature over id, stamp and body, not older than five minutes."""
    id_, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > OLDEST_SECONDS:
        return False
    digest = hmac.digest(secret, b".".join([id_.encode(), stamp.encode(), body]), hashlib.sha256)
    wanted = f"v1,{base64.b64encode(digest).decode()}".encode()
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(wanted, one.encode()) for one in given)


def listen(port: str, secret_file: str) -> None:
    """Answer 200 to what is signed with the secret, else 401; say what came."""
    secret = base64.b64decode(Path(secret_file).read_text().strip().removeprefix("whsec_"))

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            signed = is_ours(secret, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(200 if signed else 401)
            self.end_headers()
            print("signed" if signed else "NOT SIGNED", *focuses(body), flush=True)

        def log_message(self, *_: object) -> None:
            """Nothing: we say it ourselves."""

    HTTPServer(("127.0.0.1", int(port)), Hook).serve_forever()


def focuses(body: bytes) -> list[str]:
    """What a notification is about: its type, and the resources to read now."""
    said = json.loads(body)["entry"][0]["resource"]["parameter"]
    [kind] = [one["valueCode"] for one in said if one["name"] == "type"]
    parts = [part for one in said for part in one.get("part", ())]  # several events, it may be
    about = [part["valueReference"]["reference"] for part in parts if "valueReference" in part]
    return [kind, *about]


ACTS: dict[str, Callable[..., None]] = {"key": key, "token": token, "listen": listen}

if __name__ == "__main__":
    ACTS[sys.argv[1]](*sys.argv[2:])
