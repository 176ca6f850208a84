"""What every simulator shares: its home folder, a log that survives kill -9, and the server."""

import argparse
import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse

Json = Any  # what a partner's JSON holds is the partner's business


def arguments(about: str) -> argparse.ArgumentParser:
    """The options that every simulator takes: where it listens and where it keeps its things."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True)
    return parser


def serve(app: Starlette, options: argparse.Namespace) -> None:
    uvicorn.run(
        app, host=options.host, port=options.port, log_level="warning", timeout_graceful_shutdown=2
    )


def refused(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)


def rsa_key(file: Path) -> RSAKey:
    """The key in this file, made the first time: what was signed before a restart stays valid."""
    if not file.exists():
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        write_whole(file, json.dumps(key.as_dict(private=True)))
    return RSAKey.import_key(json.loads(file.read_text()))


def ec_key(file: Path) -> ECKey:
    """The P-384 key in this file, made the first time."""
    if not file.exists():
        key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
        write_whole(file, json.dumps(key.as_dict(private=True)))
    return ECKey.import_key(json.loads(file.read_text()))


def shared_token(file: Path) -> str:
    """The bearer token in this file, made the first time."""
    if not file.exists():
        write_whole(file, secrets.token_urlsafe(32))
    return file.read_text().strip()


def write_whole(file: Path, text: str) -> None:
    """Replace a file at once and for its owner alone: a reader or a kill never sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(file)


class Kept:
    """A JSON document that survives a restart."""

    def __init__(self, file: Path, *, default: Json) -> None:
        self.file = file
        self.value: Json = json.loads(file.read_text()) if file.exists() else default

    def keep(self, value: Json) -> None:
        write_whole(self.file, json.dumps(value))
        self.value = value


class Log:
    """What happened, one JSON object a line, written before anybody is answered."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file

    def add(self, kind: str, **facts: Json) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "kind": kind, **facts})
        with self.file.open("a") as file:
            file.write(f"{line}\n")

    def entries(self) -> list[Json]:
        """Everything so far; a last line cut by a kill is left out."""
        if not self.file.exists():
            return []
        lines = self.file.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.endswith("}")]
