"""One of the four services with the light load beside its own: what the harness runs and kills.

`python -m tests.fault.process <service> [alone]`; WEAKNESS in the environment plants one.
"""

import os
import sys
from importlib import import_module

from services.chassis.process import Service, run
from services.chassis.settings import ServiceSettings
from tests.fault import light
from tests.fault.weakness import plant


def service(name: str, *, alone: bool) -> Service:
    if alone:
        return light.alone(name, Service(name=name, settings=ServiceSettings.read()))
    made: Service = import_module(f"services.{name}.app").service()
    return light.add_to(made)


if __name__ == "__main__":
    if weakness := os.environ.get("WEAKNESS"):
        plant(weakness)
    run(service(sys.argv[1], alone="alone" in sys.argv[2:]))
