"""The mail server that takes letters from us. What it does with them it has answered for."""

import ssl
from email.message import EmailMessage
from typing import Protocol

import aiosmtplib

from services.chassis import telemetry
from services.notifications.domain.attempts import Answered, Failed, Unsent

SECONDS = 20.0


class Settings(Protocol):
    """What is needed to reach it; `mail_server` None: no letters are sent."""

    @property
    def mail_server(self) -> str | None: ...
    @property
    def mail_tls(self) -> str: ...
    @property
    def mail_user(self) -> str | None: ...
    @property
    def mail_password(self) -> str | None: ...


class MailServer:
    """Hands a message over, one connection each."""

    def __init__(self, settings: Settings, *, trust: ssl.SSLContext | None = None) -> None:
        host, _, port = (settings.mail_server or "").rpartition(":")
        self.host, self.port = host, int(port)
        self.settings, self.trust = settings, trust

    async def send(self, message: EmailMessage, *, to: str) -> Answered | Failed:
        """The server's answer to this message. Failed: nobody knows whether it was taken.

        A refusal of ourselves (our name, our sender, our password) is no answer about the
        recipient: it is tried again when an operator has put it right.
        """
        sender = str(message["From"])
        try:
            with telemetry.asking("mail", "send mail"):
                async with self.connection() as server:
                    await server.send_message(message, sender=sender, recipients=[to])
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return Answered(refused.recipients[0].code)
        except aiosmtplib.SMTPDataError as refused:
            return Answered(refused.code)
        except TimeoutError:  # aiosmtplib's own is one of these
            return Failed(Unsent.TIMEOUT)
        except (aiosmtplib.SMTPException, OSError, ValueError):
            return Failed(Unsent.UNREACHABLE)
        return Answered(250)

    def connection(self) -> aiosmtplib.SMTP:
        tls = self.settings.mail_tls
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.settings.mail_user,
            password=self.settings.mail_password,
            timeout=SECONDS,
            use_tls=tls == "tls",
            start_tls=tls == "starttls",
            tls_context=self.trust,
        )
