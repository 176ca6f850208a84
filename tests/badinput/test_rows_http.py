"""RELIABILITY.md §6 through the real door: addresses, searches, headers and methods (B-43 to B-59).

What nginx answers by itself is in tests/local/test_gateway.py.
"""

import importlib
import json
import pkgutil
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

import services
from tests.badinput.rows import another_child, rows_of, said, with_
from tests.postgres import Server
from tests.referral.bundles import make_bundle
from tests.referral.desk import Office, Referred, refer
from tests.referral.rig import Hub, located

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows(server: Server) -> AsyncIterator[tuple[Office, Hub]]:
    async with rows_of(server) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def referred(rows: tuple[Office, Hub]) -> Referred:
    return await refer(rows[1], another_child())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(rows: tuple[Office, Hub]) -> Hub:
    return await rows[0].hub("1000000004", "Another hub")


READS = {
    "B-43 up and over": ("Patient/%2e%2e%2fadmin", {404}),
    "B-43 two slashes": ("//Patient", {404}),
    "B-43 semicolon": ("Patient;x=1/1", {404}),
    "B-43 NUL": ("Patient/%00", {404}),
    "B-43 overlong": ("Patient/%c0%ae%c0%ae", {404}),
    "B-43 not UTF-8": ("Patient?identifier=%ff", {400}),
    "B-44 unknown": ("Task?bogus=1", {400}),
    "B-44 what every search knows": (
        "Task?_format=json&_pretty=true&_count=5&_sort=_lastUpdated&_total=accurate"
        f"&_lastUpdated=gt2020-01-01&_id={uuid4()}&_revinclude=Provenance:target",
        {200},
    ),
    "B-45 sort": ("Task?_sort=name;drop%20table%20youth", {400}),
    "B-45 sort by __proto__": ("Task?_sort=__proto__", {400}),
    "B-45 500 keys": ("Task?" + "&".join(f"k{n}=1" for n in range(500)), {400}),
    "B-45 __proto__": ("Task?__proto__=1", {400}),
    "B-46 _has": ("Patient?_has:Task:patient:status=requested", {400}),
    "B-46 chain": ("Task?patient.name=x", {400}),
    "B-46 modifier": ("Task?subject:Patient.identifier=x", {400}),
    "B-48 include": ("Task?_include=Task:patient", {400}),
    "B-48 iterate": ("Task?_include:iterate=Task:focus", {400}),
    "B-48 _contained": ("Task?_contained=true", {400}),
    "B-48 _filter": ("Task?_filter=x", {400}),
    "B-49 a million": ("Task?_count=1000000", {200}),
    "B-49 negative": ("Task?_count=-1", {400}),
    "B-49 no number": ("Task?_count=abc", {400}),
    "B-49 forged cursor": ("Task?_page=WzEsIngiXQ.AAAA", {400}),
    "B-50 contradicting": ("Task?_lastUpdated=gt2026-01-02&_lastUpdated=lt2026-01-01", {200}),
    "B-50 10,000 parameters": ("Task?" + "&".join(["_id=1"] * 10_000), {414}),
    "B-50 60 KB": ("Task?status=" + "a" * 60_000, {414}),
    "B-52 bar": ("Patient?identifier=%7C", {400}),
    "B-52 bars": ("Patient?identifier=%7C%7C", {400}),
    "B-52 escaped": ("Patient?identifier=%5C%7C", {200, 400}),
    "B-52 SQL": ("Patient?name=x'%20OR%201=1--", {200}),
    "B-52 JSONPath": ("Patient?identifier=$.*%20?(@.x)", {200}),
    "B-52 NUL": ("Patient?identifier=a%7C%00", {400}),
}
CODES = {
    **dict.fromkeys(("B-44", "B-46", "B-48"), "not-supported"),
    **dict.fromkeys(("B-45", "B-49"), "invalid"),
    "B-45 __proto__": "not-supported",  # B-44: an unknown filter like any other
}


@pytest.mark.parametrize("prefer", ["lenient", "strict"])
@pytest.mark.parametrize("id_", READS)
async def test_what_a_search_or_address_is_answered(
    rows: tuple[Office, Hub], id_: str, prefer: str
) -> None:
    path, statuses = READS[id_]

    answer = await rows[1].send("GET", f"/fhir/{path}", prefer=f"handling={prefer}")

    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json")
    if answer.status_code == 400 and (code := CODES.get(id_, CODES.get(id_[:4]))):
        assert said(answer)[0][0] == code
    if answer.status_code == 200:
        assert "a million" in id_ or answer.json()["total"] == 0


@pytest.mark.parametrize("form", ["{}", "Patient/{}", "{}/_history/1", "BASE/Patient/{}"])
async def test_b47_a_reference_means_the_same_in_each_of_its_forms(
    rows: tuple[Office, Hub], referred: Referred, other: Hub, form: str
) -> None:
    form = form if "/" in form.partition("{")[0] or form == "{}" else f"Patient/{form}"
    text = form.replace("BASE", "https://waypost.test/fhir").format(referred.youth_id)

    own, foreign = [await hub.read(f"Task?patient={text}") for hub in (rows[1], other)]

    assert (own.json()["total"], foreign.json()["total"]) == (1, 0)


async def test_b47_a_type_in_other_letters_is_another_type(
    rows: tuple[Office, Hub], referred: Referred
) -> None:
    answer = await rows[1].read(f"PATIENT/{referred.youth_id}")

    assert answer.status_code == 404


async def test_b48_what_comes_along_is_what_its_reader_may_read(
    rows: tuple[Office, Hub], referred: Referred, other: Hub
) -> None:
    query = f"_revinclude=Provenance:target&_id={referred.task_id}"

    own, foreign = [await hub.read(f"Task?{query}") for hub in (rows[1], other)]

    assert (own.json()["total"], foreign.json()["total"]) == (1, 0)
    assert "entry" not in foreign.json()


async def test_b49_a_cursor_is_good_for_the_client_that_got_it(
    rows: tuple[Office, Hub], referred: Referred, other: Hub
) -> None:
    await refer(rows[1], another_child())
    page = (await rows[1].read("Task?_count=1")).json()
    (address,) = [link["url"] for link in page["link"] if link["relation"] == "next"]
    path = address.partition("/fhir/")[2]

    assert (await rows[1].read(path)).status_code == 200
    assert (await other.read(path)).status_code == 400


def patterns() -> list[tuple[str, re.Pattern[str], set[str]]]:
    """Every regular expression that the services hold by name, and how it is used."""
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(services.__path__, "services.")
        if ".migrations" not in module.name
    ]
    sources = "\n".join(Path(m.__file__ or "").read_text() for m in modules)
    return [
        (f"{module.__name__}.{name}", pattern, used(name, sources))
        for module in modules
        for name, value in vars(module).items()
        for pattern in inside(value)
    ]


def inside(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    for item in value if isinstance(value, tuple) else ():
        yield from inside(item)


def used(name: str, sources: str) -> set[str]:
    return {"fullmatch", *re.findall(rf"\b{name}\.(search|match)\(", sources)}


async def test_b51_no_text_keeps_a_regular_expression_busy() -> None:
    """100,000 characters take less than 50 ms in each, in the way in which it is used."""
    parts = ("a", " ", "1", "-", ".", "/", "a ", "a.", "1-", "%", "<a", "\\", "a-", "x:", "A/")
    texts = [part * (100_000 // len(part)) + end for part in parts for end in ("", "\x00", "!")]
    slow = []
    for name, pattern, ways in patterns():
        for text in texts:
            begin = time.process_time()
            for way in ways:
                getattr(pattern, way)(text)
            if (spent := time.process_time() - begin) > 0.05:
                slow.append((name, text[:3], round(spent, 3)))

    assert slow == []


# --- Versions and conditions ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        pytest.param('W/"x', 400, "invalid", id="B-53 malformed"),
        pytest.param('W/"9"', 412, "conflict", id="B-53 stale"),
        pytest.param(None, 412, "conflict", id="B-53 missing"),
    ],
)
async def test_b53_a_task_is_changed_on_the_version_that_was_read(
    rows: tuple[Office, Hub], referred: Referred, header: str | None, status: int, code: str
) -> None:
    task = (await rows[1].read(f"Task/{referred.task_id}")).json()
    headers = {} if header is None else {"if_match": header}

    answer = await rows[1].send(
        "PUT", f"/fhir/Task/{referred.task_id}", {**task, "status": "cancelled"}, **headers
    )

    assert answer.status_code == status
    assert said(answer)[0][0] == code


async def test_b53_an_amendment_on_a_stale_version_is_refused(rows: tuple[Office, Hub]) -> None:
    bundle = another_child()
    await refer(rows[1], bundle)
    request = {**bundle["entry"][14]["resource"], "priority": "urgent"}
    request["subject"] = {"identifier": bundle["entry"][5]["resource"]["identifier"][0]}
    for name in ("requester", "insurance", "supportingInfo", "basedOn", "reasonReference"):
        request.pop(name, None)
    request.pop("extension", None)
    request.pop("performer", None)
    number = request["identifier"][0]
    path = f"/fhir/ServiceRequest?identifier={number['system']}|{number['value']}"

    stale = await rows[1].send("PUT", path, request, if_match='W/"7"')
    broken = await rows[1].send("PUT", path, request, if_match='W/"x')

    assert (stale.status_code, said(stale)[0][0]) == (412, "conflict")
    assert (broken.status_code, said(broken)[0][0]) == (400, "invalid")


PRACTITIONER = "entry.3.request.ifNoneExist"


async def test_b54_a_condition_finds_none_or_one_or_too_many(
    rows: tuple[Office, Hub], other: Hub
) -> None:
    one = another_child()
    created = await rows[1].refer(one)
    again = await rows[1].refer(another_child())
    by_another = await other.refer(
        json.loads(json.dumps(another_child()).replace("1234567893", "1000000004"))
    )

    statuses = [
        answer.json()["entry"][3]["response"]["status"][:3] if answer.status_code == 200 else ""
        for answer in (created, again, by_another)
    ]
    assert statuses[1] == "200"  # the clinician of the first
    assert statuses[2] == "201"  # another client's rows are not seen


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("name=Abara", "not-supported"),
        ("identifier=https://x.example|1&active=true", "not-supported"),
        ("identifier=1", "invalid"),
        ("identifier=https://x.example|a%00", "invalid"),
    ],
    ids=["B-54 other parameter", "B-54 two parameters", "B-54 no system", "B-54 NUL"],
)
async def test_b54_a_condition_is_one_identifier(
    rows: tuple[Office, Hub], condition: str, code: str
) -> None:
    answer = await rows[1].refer(with_(PRACTITIONER, condition, another_child()))

    assert answer.status_code == 400
    assert (code, "Bundle.entry[3].request.ifNoneExist") in said(answer)


@pytest.mark.parametrize("value", ["https://x.example|a%00", "%00|1", "a", ""])
async def test_b54_the_condition_of_an_address_is_one_identifier(
    rows: tuple[Office, Hub], value: str
) -> None:
    patient = make_bundle()["entry"][5]["resource"]

    answer = await rows[1].send("PUT", f"/fhir/Patient?identifier={value}", patient)

    assert (answer.status_code, said(answer)) == (400, [("invalid", None)])


async def test_b54_a_reference_by_condition_that_nothing_can_meet_is_unresolved(
    rows: tuple[Office, Hub],
) -> None:
    reference = {"reference": "Practitioner?identifier=https://x.example|a%00"}

    answer = await rows[1].refer(with_("entry.14.resource.requester", reference, another_child()))

    assert answer.status_code == 422
    assert ("not-found", "Bundle.entry[14].resource.requester.reference") in said(answer)


async def test_b55_an_idempotency_key_is_ignored_on_fhir(rows: tuple[Office, Hub]) -> None:
    answers = [
        await rows[1].send("POST", "/fhir", another_child(), idempotency_key=key)
        for key in ("same", "same", "x" * 300)
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({located(answer.json(), "Task") for answer in answers}) == 3


# --- Headers and methods -------------------------------------------------------------------------


async def test_b57_what_a_sender_says_of_its_own_way_here_changes_nothing(
    rows: tuple[Office, Hub],
) -> None:
    headers = {
        "x_forwarded_host": "evil.example",
        "x_forwarded_proto": "http",
        "x_forwarded_for": "127.0.0.1",
        "forwarded": "host=evil.example",
        "traceparent": "00-zz-zz-01",
        "baggage": "a=" + "b" * 10_000,
    }

    answer = await rows[1].send("POST", "/fhir", another_child(), **headers)

    assert answer.status_code == 200
    assert "evil.example" not in answer.text + str(answer.headers)
    sent_on = await rows[0].pool.fetchval(
        "SELECT headers FROM event ORDER BY position DESC LIMIT 1"
    )
    assert "00-zz" not in str(sent_on)
    assert "bbbb" not in str(sent_on)


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "OPTIONS", "DELETE"])
async def test_b58_other_methods_are_not_served(
    rows: tuple[Office, Hub], referred: Referred, method: str
) -> None:
    answer = await rows[1].send(method, f"/fhir/Task/{referred.task_id}")

    assert answer.status_code == 405
    assert said(answer) == [("not-supported", None)]


async def test_b58_a_header_overrides_no_method(
    rows: tuple[Office, Hub], referred: Referred
) -> None:
    answer = await rows[1].send(
        "GET", f"/fhir/Task/{referred.task_id}", x_http_method_override="DELETE"
    )

    assert answer.status_code == 200
    assert (await rows[1].read(f"Task/{referred.task_id}")).status_code == 200


async def test_b59_no_page_of_elsewhere_may_ask_and_cookies_are_nothing(
    rows: tuple[Office, Hub], referred: Referred
) -> None:
    preflight = await rows[1].http.request(
        "OPTIONS",
        "/fhir/Task",
        headers={"origin": "https://evil.example", "access-control-request-method": "GET"},
    )
    asked = await rows[1].send("GET", "/fhir/Task", origin="https://evil.example", cookie="a=b")
    without = await rows[1].http.get("/fhir/Task", headers={"cookie": "token=x"})

    for answer in (preflight, asked, without):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "set-cookie" not in answer.headers
    assert without.status_code == 401
