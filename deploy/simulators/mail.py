"""A mail server that delivers to nobody: what it took can be read, as a family would read it.

`python -m deploy.simulators.mail --port P --smtp-port S --home DIR`

| route | |
|---|---|
| GET log | every message, in order: from, to, subject, text, headers, and what was answered |
| POST behaviour | {"mode", "times", "to"}: how messages (to one address) are answered; see MODES |

DIR/log.jsonl keeps them; it has invented people's addresses in it, as a mailbox would.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deploy.simulators.serving import Json, Kept, Log, arguments, refused, serve

MODES = {
    "normal": "250 Taken",
    "451": "451 Try again later",
    "452": "452 The mailbox is full",
    "550": "550 There is no such mailbox",
    "421": "421 Closing",
    "silent": "",
    "unknown": "",  # taken, but the line goes dead before the answer
}
SILENT_SECONDS = 300


class Mailbox:
    """All mailboxes there are, in one log."""

    def __init__(self, home: Path) -> None:
        self.log = Log(home / "log.jsonl")
        self.behaviour = Kept(home / "behaviour.json", default={"mode": "normal"})

    def next_mode(self, to: str) -> str:
        """How to answer this time; a limited misbehaviour wears off."""
        now = self.behaviour.value
        if now.get("to") not in (None, to):
            return "normal"
        if (times := now.get("times")) is not None:
            self.behaviour.keep(now | {"times": times - 1} if times > 1 else {"mode": "normal"})
        return str(now["mode"])

    # The names of the protocol are aiosmtpd's.
    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = cast(bytes, envelope.content)
        message = message_from_bytes(content, policy=policy.default)
        mode = self.next_mode(envelope.rcpt_tos[0])
        body = message.get_body(("plain",))
        self.log.add(
            "received",
            sender=envelope.mail_from,
            to=list(envelope.rcpt_tos),
            headers={name.lower(): str(value) for name, value in message.items()},
            subject=str(message["subject"]),
            text=body.get_content() if body else "",
            answered=mode if mode != "normal" else 250,
        )
        if mode == "silent":
            await asyncio.sleep(SILENT_SECONDS)
        if mode == "unknown":
            cast(asyncio.Transport, server.transport).abort()
        return MODES[mode] or "250 Taken"


def app(home: Path, host: str, smtp_port: int) -> Starlette:
    mailbox = Mailbox(home)

    async def show_log(request: Request) -> JSONResponse:
        return JSONResponse(mailbox.log.entries())

    async def behave(request: Request) -> JSONResponse:
        wish: Json = await request.json()
        if wish.get("mode") not in MODES:
            return refused(400, f"mode is one of {', '.join(sorted(MODES))}.")
        mailbox.behaviour.keep({name: wish.get(name) for name in ("mode", "times", "to")})
        return JSONResponse(mailbox.behaviour.value)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(mailbox, enable_SMTPUTF8=False, hostname="mail.example"), host, smtp_port
        )
        yield
        server.close()

    routes = [Route("/log", show_log), Route("/behaviour", behave, methods=["POST"])]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    parser = arguments("A mail server that delivers to nobody.")
    parser.add_argument("--smtp-port", type=int, required=True)
    options = parser.parse_args()
    serve(app(options.home, options.host, options.smtp_port), options)


if __name__ == "__main__":
    main()
