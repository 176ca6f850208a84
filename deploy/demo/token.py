"""A fresh access token of a simulated hub, for a request by hand.

`python -m deploy.demo.token [HUB] [--home FOLDER]`: what the hub's own system does before it asks,
with the hub's own key. It lasts five minutes.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import httpx

from deploy.local.seed import hubs
from deploy.simulators.hub_client import FhirClient
from deploy.simulators.serving import ec_key


async def token_of(folder: Path) -> str:
    """A token for the hub that keeps its key and its registration in this folder."""
    configuration = json.loads((folder / "configuration.json").read_text())
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        return await FhirClient(http, ec_key(folder / "key.json"), configuration).bearer()


def main() -> int:
    first = hubs()[0]["name"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hub", nargs="?", default=first, help=f"default: {first}")
    parser.add_argument("--home", type=Path, default=Path("var"))
    options = parser.parse_args()
    try:
        print(asyncio.run(token_of(options.home / "hub" / options.hub)))
    except FileNotFoundError:
        sys.stderr.write(f"There is no hub {options.hub} in {options.home}: was it ever up?\n")
        return 1
    except httpx.HTTPError as error:
        sys.stderr.write(f"No token for {options.hub}: {type(error).__name__}. `make up` helps.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
