"""Where we may be made to send to. An endpoint is a stranger's word: it could mean ourselves.

Source: RELIABILITY.md B-60 to B-66. Checked when it is named, and once more at each connection,
on the addresses that its name has by then.
"""

import ipaddress
import re
from enum import Enum
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL = 2_000
HTTPS_PORT = 443
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# What inet_aton would read as a number: 127.1, 0x7f.1, 2130706433, 0177.0.0.1.
NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
INSIDE = (
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "arpa",
    "test",
    "onion",
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Fault(Enum):
    """Why an endpoint is refused: it is no address at all, or one that we must not call."""

    UNREADABLE = "unreadable"
    FORBIDDEN = "forbidden"


def endpoint_fault(url: str, *, loopback: bool) -> Fault | None:
    """What is wrong with an endpoint; None when it may be tried.

    `loopback` allows this machine, in plain http and on any port: for tests and demonstrations.
    """
    if len(url) > LONGEST_URL or not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        return Fault.UNREADABLE  # a letter that only looks like another is no ASCII
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return Fault.UNREADABLE
    if parts.scheme not in ("http", "https") or not host or "#" in url:
        return Fault.UNREADABLE
    if loopback and host in LOOPBACK and "@" not in parts.netloc:
        return None
    if parts.scheme != "https" or "@" in parts.netloc or port not in (None, HTTPS_PORT):
        return Fault.FORBIDDEN
    return host_fault(host, parts)


def host_fault(host: str, parts: SplitResult) -> Fault | None:
    """A name that may lead outside; no address in any spelling, no name of the inside."""
    labels = host.removesuffix(".").split(".")
    if "[" in parts.netloc or ":" in host or NUMBER.fullmatch(labels[-1]):
        return Fault.FORBIDDEN  # whoever means a public host can name it, as its certificate does
    if any(not LABEL.fullmatch(label) or label.startswith("xn--") for label in labels):
        return Fault.UNREADABLE
    if len(labels) == 1 or labels[-1] in INSIDE:
        return Fault.FORBIDDEN
    return None


def may_connect(address: str, *, loopback: bool) -> bool:
    """True for an address of the public internet; `loopback` allows this machine too."""
    try:
        found: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if loopback and found.is_loopback:
        return True
    # An IPv6 address that carries an IPv4 one leads wherever that one leads.
    if isinstance(found, ipaddress.IPv6Address) and (
        found.ipv4_mapped or found.sixtofour or found.teredo or found in NAT64
    ):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


NAT64 = ipaddress.ip_network("64:ff9b::/96")

# --- The subscriber's own headers ----------------------------------------------------------------

HEADER = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}): ?([\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?)"
)
OURS = re.compile(
    r"host|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|webhook-.*"
    r"|proxy-.*|x-forwarded-.*|forwarded|accept.*|traceparent|tracestate|baggage|user-agent",
    re.IGNORECASE,
)


def header_pair(line: str) -> tuple[str, str] | None:
    """Name and value of a header line; None when it is none, or names one that is ours to set."""
    found = HEADER.fullmatch(line)
    if not found or OURS.fullmatch(found[1]):
        return None
    return found[1], found[2]
