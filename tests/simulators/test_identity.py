"""The identity provider signs what the staff's roles are, with a key that outlives a restart."""

from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet

from tests.simulators.rig import Simulator


def test_a_token_names_the_person_and_their_roles_and_survives_a_kill(tmp_path: Path) -> None:
    with Simulator("identity", tmp_path) as identity:
        answer = identity.http.post("/token", data={"username": "sofia.supervisor"}).json()
        identity.kill()
        identity.start()
        keys = KeySet.import_key_set(identity.get("/.well-known/jwks.json"))

    claims = jwt.decode(answer["access_token"], keys, algorithms=["RS256"]).claims

    assert claims["sub"] == "sofia.supervisor"
    assert claims["roles"] == ["supervisor"]
    assert (claims["iss"], claims["aud"]) == (identity.url, "waypost")


def test_a_stranger_gets_no_token(tmp_path: Path) -> None:
    with Simulator("identity", tmp_path) as identity:
        assert identity.http.post("/token", data={"username": "nobody"}).status_code == 400
