"""RELIABILITY.md §6: XML, documents and addresses that a sender names: nothing of it is opened.

A canary listens on loopback. Whoever follows an address, or lets a parser follow it, wakes it.
"""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.badinput.rows import (
    REQUEST,
    Row,
    another_child,
    at,
    attachment,
    rows_of,
    said,
    send,
    told,
    with_,
)
from tests.postgres import Server
from tests.referral.desk import Office
from tests.referral.rig import Hub, located

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "Zebra-7731-of-a-file"  # noqa: S105


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(server: Server) -> AsyncIterator[tuple[Office, Hub]]:
    async with rows_of(server) as opened:
        yield opened


@pytest.fixture
def canary() -> Iterator[str]:
    """An address that nobody may ask; that nobody did is checked at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/canary"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "secret"
    found.write_text(SECRET)
    return found


XML = {
    "B-20 entities": '<!DOCTYPE a [<!ENTITY a "{secret}"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<div xmlns="http://www.w3.org/1999/xhtml">&b;</div>',
    "B-21 external entity": '<!DOCTYPE a [<!ENTITY a SYSTEM "{file}"><!ENTITY b SYSTEM "{url}">]>'
    '<div xmlns="http://www.w3.org/1999/xhtml">&a;&b;</div>',
    "B-22 external DTD": '<!DOCTYPE a SYSTEM "{url}">'
    '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
    "B-23 XInclude": '<div xmlns="http://www.w3.org/1999/xhtml" '
    'xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{url}" parse="text"/>'
    '<xi:include href="{file}" parse="text"/></div>',
}


@pytest.mark.parametrize("id_", XML)
async def test_no_xml_is_read(rows: tuple[Office, Hub], canary: str, file: Path, id_: str) -> None:
    """As a body it is refused, by whichever name it comes; as a narrative it is left out."""
    text = XML[id_].format(secret=SECRET, url=canary, file=file.as_uri())
    narrative = {"status": "generated", "div": text}

    as_xml = await rows[1].send("POST", "/fhir", text.encode(), content_type="application/fhir+xml")
    as_json = await rows[1].send("POST", "/fhir", text.encode())
    inside = await rows[1].refer(another_child(entry__5__resource__text=narrative))

    assert (as_xml.status_code, said(as_xml)) == (415, [("not-supported", None)])
    assert (as_json.status_code, said(as_json)) == (400, [("invalid", None)])
    assert inside.status_code == 200
    assert ("warning", "informational") in told(inside, 5)
    kept = await rows[1].read(located(inside.json(), "Patient"))
    assert "text" not in kept.json()
    assert SECRET not in as_xml.text + as_json.text + inside.text + kept.text


NARRATIVES = {
    "B-37 script": "<div><script src='{url}'></script></div>",
    "B-37 handler": '<div><p onclick="x()">a</p></div>',
    "B-37 frame": "<div><iframe src='{url}'></iframe></div>",
    "B-37 DOCTYPE": "<!DOCTYPE x><div>a</div>",
}


@pytest.mark.parametrize("id_", NARRATIVES)
async def test_an_unsafe_narrative_is_left_out_with_a_warning(
    rows: tuple[Office, Hub], canary: str, id_: str
) -> None:
    text = {"status": "generated", "div": NARRATIVES[id_].format(url=canary)}

    answer = await rows[1].refer(another_child(entry__5__resource__text=text))

    assert ("warning", "informational") in told(answer, 5)
    assert "text" not in (await rows[1].read(located(answer.json(), "Patient"))).json()


@pytest.mark.parametrize("kind", ["B-38 http", "B-38 file", "B-38 urn", "B-38 javascript"])
async def test_the_address_of_a_document_is_text_and_never_opened(
    rows: tuple[Office, Hub], canary: str, file: Path, kind: str
) -> None:
    url = {
        "B-38 http": canary,
        "B-38 file": file.as_uri(),
        "B-38 urn": "urn:oid:1.2.3",
        "B-38 javascript": "javascript:alert(1)",
    }[kind]
    bundle = another_child()
    bundle["entry"].append(attachment(url=url, contentType="text/plain"))

    answer = await rows[1].refer(bundle)

    assert answer.status_code == 200, answer.text
    place = answer.json()["entry"][16]["response"]["location"].split("/_history")[0]
    kept = (await rows[1].read(place)).json()
    assert kept["content"][0]["attachment"] == {"url": url, "contentType": "text/plain"}
    assert SECRET not in answer.text


async def test_b39_a_reference_to_elsewhere_is_refused_and_never_opened(
    rows: tuple[Office, Hub], canary: str
) -> None:
    row = Row("", with_(f"{REQUEST}.resource.requester", {"reference": canary}), 422, "", None)

    answer = await send(*rows, row)

    assert answer.status_code == 422
    assert ("not-supported", at(REQUEST, "requester.reference")) in said(answer)


async def test_b39_no_address_in_a_good_referral_is_opened(
    rows: tuple[Office, Hub], canary: str
) -> None:
    """Profiles, systems, extensions, sources, telecoms and full URLs are names."""
    changes: dict[str, Any] = {
        "entry__5__resource__meta": {"profile": [canary], "source": canary},
        "entry__5__resource__extension": [{"url": canary, "valueUri": canary}],
        "entry__5__resource__telecom": [{"system": "url", "value": canary}],
        "entry__5__resource__photo": [{"url": canary}],
        "entry__14__resource__instantiatesUri": [canary],
    }

    answer = await rows[1].refer(another_child(**changes))

    assert answer.status_code == 200, answer.text
