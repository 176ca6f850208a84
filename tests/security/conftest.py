"""The referral service's token endpoint with one hub registered, and a small service of our own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from joserfc.jwk import ECKey

from contracts.codes import PartnerKind
from services.chassis.db import Pool, transaction
from services.referral.api import token
from services.referral.commands import clients
from services.referral.commands.clients import NPI, Registered, Registration
from tests.security.world import World, open_world

OpenDatabase = Callable[[str], Awaitable[Pool]]
HUB_SCOPES = ("system/Task.rs", "system/ServiceRequest.crus")


@dataclass
class Desk:
    """The token endpoint, and one hub that is registered there."""

    world: World
    key: ECKey
    registered: Registered

    @property
    def client_id(self) -> str:
        assert self.registered.client_id
        return self.registered.client_id


@pytest.fixture
async def desk(open_service_database: OpenDatabase) -> AsyncIterator[Desk]:
    pool = await open_service_database("referral")
    key = ECKey.generate_key("P-384", {"use": "sig"}, auto_kid=True)
    async with transaction(pool) as conn:
        registered = await clients.register(conn, hub(key))
    async with open_world("referral", pool, doors=[token.router]) as world:
        yield Desk(world, key, registered)


def hub(key: ECKey, **changes: object) -> Registration:
    values: dict[str, object] = {
        "kind": PartnerKind.HUB,
        "name": "Riverbend",
        "system": NPI,
        "value": "1234567893",
        "mrn_system": "https://riverbend.test/mrn",
        "scopes": HUB_SCOPES,
        "jwks": {"keys": [key.as_dict(private=False)]},
    }
    return Registration(**(values | changes))  # type: ignore[arg-type]
