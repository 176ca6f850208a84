"""What only referral knows: consents, secrets, addresses. Asked when it is needed, kept nowhere."""

import base64
import time
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

from services.notifications.domain.mail import Mailbox, Mailboxes
from services.notifications.domain.subscriptions import Release

SECRET_SECONDS = 60.0  # so long a changed secret may go unnoticed; the old one is valid meanwhile


class Peers(Protocol):
    async def get(self, service: str, path: str, *, params: Any = None) -> Any: ...


class Referral:
    """What only referral knows: whether a release stands now, and a client's signing secret."""

    def __init__(self, peers: Peers) -> None:
        self.peers = peers
        # In memory alone: a secret is in no database of ours, no log and no event.
        self.secrets: dict[str, tuple[float, bytes]] = {}

    async def release(self, youth_id: UUID, organisation_id: UUID) -> Release:
        """Whether the hub may be told of the youth's care. Raises PeerUnavailable: unknown."""
        params = {"kind": "roi_hub", "organisation_id": str(organisation_id)}
        said = await self.peers.get("referral", f"/internal/consents/{youth_id}", params=params)
        stands = said["stands"] is True and said["hub_active"] is True
        return Release(stands, datetime.fromisoformat(said["as_of"]))

    async def secret(self, client_id: str) -> bytes:
        """The secret agreed with a client. Raises NotFound for a stranger, or PeerUnavailable."""
        if not (secret := self.known_secret(client_id)):
            path = f"/internal/clients/{quote(client_id, safe='')}/webhook"
            said = await self.peers.get("referral", path)
            secret = base64.b64decode(said["secret"].removeprefix("whsec_"), validate=True)
            self.secrets[client_id] = (time.monotonic(), secret)
        return secret

    def known_secret(self, client_id: str) -> bytes | None:
        """The secret, if it was asked for a moment ago."""
        asked_at, secret = self.secrets.get(client_id, (0.0, b""))
        return secret if time.monotonic() - asked_at <= SECRET_SECONDS else None

    async def mailboxes(self, youth_id: UUID) -> Mailboxes:
        """To whom we may write about a youth at this moment. Raises as `release` does."""
        said = await self.peers.get("referral", f"/internal/youths/{youth_id}/mailboxes")
        found = [
            Mailbox(UUID(one["recipient"]), one["address"], tuple(one["languages"]))
            for one in said["mailboxes"]
        ]
        return Mailboxes(said["stands"] is True, tuple(found))
