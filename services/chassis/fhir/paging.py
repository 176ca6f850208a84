"""Pages of a search: cursors that nobody can forge or borrow, and the searchset Bundle."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from services.chassis.fhir.outcome import refusal
from services.chassis.fhir.search import After, Match, Resource, Search, instant


@dataclass(frozen=True)
class Cursor:
    """Where the next page begins: signed, and good for one client and one search only."""

    key: bytes
    client_id: str
    query: bytes

    @classmethod
    def of(cls, key: str, client_id: str, type_: str, given: Iterable[tuple[str, str]]) -> "Cursor":
        told = [type_, sorted((n, v) for n, v in given if n not in ("_page", "_count", "_format"))]
        return cls(key.encode(), client_id, hashlib.sha256(json.dumps(told).encode()).digest())

    def seal(self, after: After) -> str:
        place = json.dumps([after.at.isoformat(), after.id]).encode()
        return encoded(place) + "." + encoded(self.signature(place))

    def open(self, text: str) -> After:
        """The place in a cursor that this client was given for this search; else 400."""
        try:
            place, signature = map(decoded, text.split("."))
            if hmac.compare_digest(signature, self.signature(place)):
                at, id_ = json.loads(place)
                return After(datetime.fromisoformat(at), id_)
        except (ValueError, TypeError):
            pass
        raise refusal(400, "_page is not a page of this search: begin again without it.")

    def signature(self, place: bytes) -> bytes:
        told = b"\n".join((self.client_id.encode(), self.query, place))
        return hmac.digest(self.key, told, "sha256")


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def page(
    search: Search,
    matches: Sequence[Match],
    given: Sequence[tuple[str, str]],
    *,
    cursor: Cursor,
    base: str,
    bound: datetime,
) -> Resource:
    """The searchset of one page; `total` only where it is known for nothing.

    `meta.lastUpdated` is the bound: who polls asks for `_lastUpdated=ge` that, and misses nothing.
    """
    shown = matches[: search.count]
    address = f"{base.rstrip('/')}/{search.type_}"
    asked = [(name, value) for name, value in given if name != "_page"]
    links = [{"relation": "self", "url": f"{address}?{urlencode(given)}" if given else address}]
    bundle: Resource = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": instant(bound)},
        "type": "searchset",
    }
    if len(matches) > search.count:
        after = After(shown[-1].at, shown[-1].id)
        query = urlencode([*asked, ("_page", cursor.seal(after))])
        links.append({"relation": "next", "url": f"{address}?{query}"})
    elif search.after is None:
        bundle["total"] = len(shown)
    bundle["link"] = links
    if entries := list(entries_of(shown, base.rstrip("/"))):
        bundle["entry"] = entries
    return bundle


def entries_of(matches: Sequence[Match], base: str) -> Iterable[Resource]:
    told: set[str] = set()
    for mode, resources in (
        ("match", [match.resource for match in matches]),
        ("include", [resource for match in matches for resource in match.included]),
    ):
        for resource in resources:
            url = f"{base}/{resource['resourceType']}/{resource['id']}"
            if url not in told:
                told.add(url)
                yield {"fullUrl": url, "resource": resource, "search": {"mode": mode}}
