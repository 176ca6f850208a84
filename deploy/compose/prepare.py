"""Keys, passwords and the gateway's configuration for docker-compose.yml, below var/compose.

`python -m deploy.compose.prepare` makes what is missing; what is there stays as it is.
"""

import json
import secrets
import sys
from pathlib import Path

from joserfc.jwk import ECKey

from deploy.local.nginx import filled
from deploy.local.part import write

SERVICES = ("referral", "scheduling", "documentation", "notifications")
FOLDER = Path("var/compose")
SECRETS = (
    *("POSTGRES_PASSWORD", "GRAFANA_PASSWORD", "CURSOR_KEY"),
    *(f"{name.upper()}_PASSWORD" for name in SERVICES),
)
# Whose staff signs in, and who the agency is, nobody can invent.
TO_FILL_IN = ("STAFF_ISSUER", "STAFF_JWKS_URL", "AGENCY_ID", "AGENCY_NPI", "AGENCY_NAME")
READABLE = 0o444  # of files that a container's own account reads; the folder is closed instead


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SERVICES:
        if not (file := folder / f"{name}.jwk").exists():
            key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
            write(file, json.dumps(key.as_dict(private=True)), READABLE)
    write(folder / "nginx.conf", gateway(), READABLE)
    if not (file := folder / ".env").exists():
        made = [f"WAYPOST_{name}={secrets.token_urlsafe(32)}" for name in SECRETS]
        write(file, "\n".join([*made, *(f"WAYPOST_{name}=" for name in TO_FILL_IN), ""]))
    sys.stdout.write(f"{folder}/.env is yours to complete: {', '.join(TO_FILL_IN)}.\n")


def gateway() -> str:
    return filled(
        run="/run/waypost",
        access_log="/dev/stdout",
        listen="0.0.0.0:8080",
        tls="# plain http: published on loopback only",
        upstreams={name: f"{name}:8000" for name in SERVICES},
        contracts="/srv/contracts",
    )


if __name__ == "__main__":
    main()
