"""What routes and due work reach of their process, without knowing how it is wired."""

from dataclasses import dataclass

import httpx

from services.chassis.clock import Clock
from services.chassis.db import Pool
from services.chassis.peers import Peers
from services.chassis.settings import ServiceSettings


@dataclass(frozen=True)
class Context:
    """What routes and work reach: `request.app.state.context`."""

    pool: Pool
    clock: Clock
    settings: ServiceSettings
    peers: Peers
    http: httpx.AsyncClient
