"""One trace leads from a hub's POST to what that hub is told, through all four services."""

import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from deploy.demo.actors import World, until
from deploy.demo.cast import Cast
from deploy.demo.children import bundle, member_of
from deploy.demo.journey import Journey
from deploy.local.stack import SERVICES, Addresses, Stack

Span = dict[str, Any]


@pytest.fixture
def traced(stack: Stack) -> Addresses:
    """A stack whose trace page answers."""
    if not stack.zipkin:
        pytest.skip("There is no trace page: `python -m deploy.local.zipkin` fetches its jar.")
    stack.wait_for("zipkin")
    return Addresses.read(stack.home)


async def test_from_a_hubs_post_to_what_it_is_told_every_parent_is_known(
    cast: Cast, world: World, traced: Addresses
) -> None:
    journey = cast.journeys(1)[0]
    trace, hub_span = secrets.token_hex(16), secrets.token_hex(8)

    await refer(world, journey, traceparent=f"00-{trace}-{hub_span}-01")

    ways = await until(
        "the hub is told of the waiting list",
        lambda: ways_to_the_hub(world, traced, journey, trace, hub_span),
    )
    assert [
        "hub",
        "referral | post /fhir",
        "referral | work ask-payer",
        "referral | append eligibilityconfirmed.v1",
        "scheduling | handle eligibilityconfirmed.v1",
        "scheduling | append referralwaitlisted.v1",
        "referral | handle referralwaitlisted.v1",
        "referral | append referralstatuschanged.v1",
        "notifications | handle referralstatuschanged.v1",
        "notifications | work tell-subscriber",
        "notifications | tell hub",
    ] in ways


async def test_a_trace_has_one_beginning_and_all_services_in_it(
    cast: Cast, world: World, traced: Addresses
) -> None:
    journey = cast.journeys(1)[0]
    trace, hub_span = secrets.token_hex(16), secrets.token_hex(8)

    await refer(world, journey, traceparent=f"00-{trace}-{hub_span}-01")

    async def whole() -> list[Span] | None:
        spans = await spans_of(world, traced, trace)
        known = {span["id"] for span in spans} | {hub_span}
        complete = all(span["parentId"] in known for span in spans)
        services = {span["localEndpoint"]["serviceName"] for span in spans}
        return spans if complete and services == set(SERVICES) else None

    spans = await until("a whole trace", whole)
    assert [span["name"] for span in spans if span["parentId"] == hub_span] == ["post /fhir"]
    asked = {span["remoteEndpoint"]["serviceName"] for span in spans if "remoteEndpoint" in span}
    assert {"payer", "referral"} <= asked


async def refer(world: World, journey: Journey, *, traceparent: str) -> None:
    """As a hub whose own system traces what it does."""
    now = world.now()
    await world.payer("members", member_of(journey.child, now.date()))
    sent = bundle(journey.child, agency_npi=journey.agency_npi, payer=journey.payer, now=now)
    wish = {"method": "POST", "path": "", "body": sent, "headers": {"traceparent": traceparent}}
    answer = await world.hub(journey.hub, "send", wish)
    journey.referral_id, journey.youth_id, journey.task_id = journey.ids_in(sent, answer.body)


async def ways_to_the_hub(
    world: World, at: Addresses, journey: Journey, trace: str, hub_span: str
) -> list[list[str]] | None:
    """How each message about this Task came about; None until one came through scheduling.

    A message of several events has the trace of the first; in the others' it is linked.
    """
    spans = {span["id"]: span for span in await spans_of(world, at, trace)}
    ways = []
    for entry in await world.hub_log(journey.hub):
        if f"Task/{journey.task_id}" in str(entry.get("events")):
            _, heard, span_id, _ = entry["traceparent"].split("-")
            if heard != trace:
                linked = f"{heard}-{span_id}"
                ours = (s for s in spans.values() if linked in s["tags"].get("links", ""))
                span_id = next((span["id"] for span in ours), span_id)
            ways.append(way(spans, span_id, begin=hub_span))
    whole = [names for names in ways if names[0] == "hub"]
    return whole if any("scheduling" in name for names in whole for name in names) else None


def way(spans: Mapping[str, Span], id_: str, *, begin: str) -> list[str]:
    """Names of the spans that lead here, the first cause first."""
    if id_ == begin:
        return ["hub"]
    if not (span := spans.get(id_)):
        return ["unknown"]
    name = f"{span['localEndpoint']['serviceName']} | {span['name']}"
    return [*way(spans, span["parentId"], begin=begin), name]


async def spans_of(world: World, at: Addresses, trace: str) -> list[Span]:
    response = await world.http.get(f"{at.traces}/api/v2/trace/{trace}")
    found: list[Span] = response.json() if response.status_code == 200 else []
    return found
