"""Notifications' values: what every service has, the mail server and the agency's mailbox."""

import re
from typing import Literal

from pydantic import Field

from services.chassis.settings import ServiceSettings
from services.notifications.domain.mail import is_address


class Settings(ServiceSettings):
    """Without a mail server no letter is sent, and none is kept for later."""

    mail_server: str | None = None  # host:port
    mail_tls: Literal["tls", "starttls", "none"] = "starttls"
    mail_user: str | None = Field(default=None, repr=False)
    mail_password: str | None = Field(default=None, repr=False)
    mail_from: str = ""
    mail_coordinators: str | None = None  # the mailbox in which coordinators work together

    def faults(self) -> list[tuple[bool, str]]:
        on = self.mail_server is not None
        server, coordinators = self.mail_server or "", self.mail_coordinators
        unnamed = on and not re.fullmatch(r"[A-Za-z0-9.-]+:[0-9]{1,5}", server)
        stranger = coordinators is not None and not is_address(coordinators)
        plain = self.production and on and self.mail_tls == "none"
        return [
            *super().faults(),
            (unnamed, "WAYPOST_MAIL_SERVER is host:port."),
            (on and not is_address(self.mail_from), "WAYPOST_MAIL_FROM is one e-mail address."),
            (stranger, "WAYPOST_MAIL_COORDINATORS is one e-mail address."),
            (plain, "WAYPOST_MAIL_TLS=none is refused in production."),
        ]
