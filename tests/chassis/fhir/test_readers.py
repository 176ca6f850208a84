"""Who may read a youth, as the owner's events say it one after the other."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.codes import Check, ConsentKind, HubService
from contracts.events import (
    CheckResult,
    ConsentGranted,
    ConsentRevoked,
    CoverageChanged,
    CoverageLapsed,
    EligibilityConfirmed,
    Event,
    HubDisengaged,
    HubEngaged,
)
from services.chassis.db import Pool, transaction
from services.chassis.errors import NotFound
from services.chassis.fhir import readers
from services.chassis.fhir.readers import Number, number_of, patient_reference
from services.chassis.work import Worker

YOUTH, HUB, PAYER = uuid4(), uuid4(), uuid4()
DAY = date(2026, 3, 10)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
IHT, OP = HubService.IN_HOME_THERAPY, HubService.OUTPATIENT_THERAPY


def engaged(effective: date = DAY, service: HubService = IHT) -> HubEngaged:
    return HubEngaged(youth_id=YOUTH, organisation_id=HUB, hub_service=service, effective=effective)


def disengaged(effective: date, service: HubService = IHT) -> HubDisengaged:
    return HubDisengaged(
        youth_id=YOUTH, organisation_id=HUB, hub_service=service, effective=effective
    )


def granted(organisation_id: UUID | None = HUB) -> ConsentGranted:
    return ConsentGranted(
        youth_id=YOUTH,
        kind=ConsentKind.ROI_HUB,
        organisation_id=organisation_id,
        effective_at=datetime(2026, 3, 10, tzinfo=UTC),
    )


def revoked(organisation_id: UUID | None = HUB) -> ConsentRevoked:
    return ConsentRevoked(
        youth_id=YOUTH,
        kind=ConsentKind.ROI_HUB,
        organisation_id=organisation_id,
        effective_at=datetime(2026, 3, 10, tzinfo=UTC),
    )


def confirmed(valid_from: date, valid_to: date) -> EligibilityConfirmed:
    return EligibilityConfirmed(
        youth_id=YOUTH,
        referral_id=uuid4(),
        determination_id=uuid4(),
        payer=PAYER,
        product="MassHealth Standard",
        hub_service=IHT,
        valid_from=valid_from,
        valid_to=valid_to,
        checks=(CheckResult(name=Check.AGE, passed=True, rule="E1"),),
        rule_pack_version="1",
    )


async def tell(pool: Pool, *events: Event) -> None:
    for event in events:
        async with transaction(pool) as conn:
            await readers.note(conn, event)


async def may_read(pool: Pool, kind: str, day: date) -> bool:
    found: int = await pool.fetchval(
        "SELECT count(*) FROM reader r WHERE r.stream_id = $1 AND r.kind = $2"
        " AND r.released AND r.reads @> $3::date",
        *(YOUTH, kind, day),
    )
    assert found in (0, 1)
    return found == 1


async def test_a_hub_reads_while_it_is_active_and_the_release_stands(pool: Pool) -> None:
    await tell(pool, engaged())
    assert not await may_read(pool, "hub", DAY)

    await tell(pool, granted())
    assert await may_read(pool, "hub", DAY)
    assert not await may_read(pool, "hub", DAY - timedelta(days=1))


async def test_the_release_may_come_before_the_hub_is_active(pool: Pool) -> None:
    await tell(pool, granted(), engaged())

    assert await may_read(pool, "hub", DAY)


async def test_from_the_day_without_hub_nothing_is_read(pool: Pool) -> None:
    ends = DAY + timedelta(days=30)

    await tell(pool, engaged(), granted(), disengaged(ends))

    assert await may_read(pool, "hub", ends - timedelta(days=1))
    assert not await may_read(pool, "hub", ends)


async def test_one_of_two_services_that_ends_takes_nothing(pool: Pool) -> None:
    await tell(pool, engaged(), engaged(service=OP), granted(), disengaged(DAY))

    assert await may_read(pool, "hub", DAY)


async def test_a_hub_that_comes_back_reads_again(pool: Pool) -> None:
    later = DAY + timedelta(days=60)

    await tell(pool, engaged(), granted(), disengaged(DAY + timedelta(days=10)), engaged(later))

    assert not await may_read(pool, "hub", later - timedelta(days=1))
    assert await may_read(pool, "hub", later)


@pytest.mark.parametrize("organisation_id", [HUB, None], ids=["this-hub", "every-hub"])
async def test_a_revoked_release_closes_at_once(pool: Pool, organisation_id: UUID | None) -> None:
    await tell(pool, engaged(), granted(), revoked(organisation_id))

    assert not await may_read(pool, "hub", DAY)


async def test_a_release_to_nobody_in_particular_opens_nothing(pool: Pool) -> None:
    await tell(pool, engaged(), granted(None))

    assert not await may_read(pool, "hub", DAY)


async def test_another_kind_of_consent_opens_nothing(pool: Pool) -> None:
    other = granted().model_copy(update={"kind": ConsentKind.TREATMENT})

    await tell(pool, engaged(), other)

    assert not await may_read(pool, "hub", DAY)


async def test_a_payer_reads_its_days_with_the_last_one(pool: Pool) -> None:
    last = DAY + timedelta(days=20)

    await tell(pool, confirmed(DAY, last))

    assert await may_read(pool, "payer", last)
    assert not await may_read(pool, "payer", last + timedelta(days=1))
    assert not await may_read(pool, "payer", DAY - timedelta(days=1))


async def test_the_newest_determination_counts_from_its_first_day(pool: Pool) -> None:
    await tell(
        pool,
        confirmed(DAY, DAY + timedelta(days=90)),
        confirmed(DAY + timedelta(days=10), DAY + timedelta(days=20)),
    )

    assert await may_read(pool, "payer", DAY)
    assert not await may_read(pool, "payer", DAY + timedelta(days=30))


async def test_a_lapse_cuts_the_rest(pool: Pool) -> None:
    lapses = DAY + timedelta(days=5)
    lapsed = CoverageLapsed(youth_id=YOUTH, payer=PAYER, effective=lapses)

    await tell(pool, confirmed(DAY, DAY + timedelta(days=90)), lapsed)

    assert await may_read(pool, "payer", lapses - timedelta(days=1))
    assert not await may_read(pool, "payer", lapses)


async def test_a_payer_that_another_one_follows_reads_what_lies_before(pool: Pool) -> None:
    follows = DAY + timedelta(days=5)
    changed = CoverageChanged(
        youth_id=YOUTH, payer=PAYER, new_payer=HUB, product="commercial-bhca", effective=follows
    )

    await tell(pool, confirmed(DAY, DAY + timedelta(days=90)), changed)

    assert await may_read(pool, "payer", follows - timedelta(days=1))
    assert not await may_read(pool, "payer", follows)


async def test_a_plan_that_changes_leaves_its_payer_reading(pool: Pool) -> None:
    changed = CoverageChanged(
        youth_id=YOUTH, payer=PAYER, new_payer=PAYER, product="masshealth-standard", effective=DAY
    )

    await tell(pool, confirmed(DAY, DAY + timedelta(days=90)), changed)

    assert await may_read(pool, "payer", DAY)


async def test_the_same_events_again_change_nothing(pool: Pool) -> None:
    events = (engaged(), granted(), confirmed(DAY, DAY + timedelta(days=9)))
    await tell(pool, *events)
    before = await pool.fetch("SELECT * FROM reader ORDER BY kind")

    await tell(pool, *events)

    assert await pool.fetch("SELECT * FROM reader ORDER BY kind") == before
    assert await pool.fetchval("SELECT count(*) FROM work") == 2  # a hub's, a payer's number


class Owner:
    """Referral's answer to who asks for a reader's number."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.paths = answer, list[str]()

    async def get(self, service: str, path: str) -> Any:
        self.paths.append(f"{service} {path}")
        if self.answer is None:
            raise NotFound("not-found", "None.")
        return self.answer


async def work_off(pool: Pool, owner: Owner) -> None:
    worker = Worker(pool)
    worker.calls = {readers.ASK_NUMBER: readers.work(SimpleNamespace(peers=owner))}
    while await worker.run_one(now=NOW):
        pass


async def test_the_readers_own_number_is_fetched_once(pool: Pool) -> None:
    owner = Owner({"system": "urn:mrn", "value": "00123"})
    await tell(pool, engaged(), granted())

    await work_off(pool, owner)
    await tell(pool, engaged(DAY + timedelta(days=1)))
    await work_off(pool, owner)

    assert owner.paths == [f"referral /internal/youths/{YOUTH}/identifiers/{HUB}"]
    row = await pool.fetchrow("SELECT system, value FROM reader")
    assert row is not None
    assert patient_reference(YOUTH, number_of(*row)) == {
        "reference": f"Patient/{YOUTH}",
        "identifier": {"system": "urn:mrn", "value": "00123"},
    }


async def test_an_unknown_number_is_asked_for_with_the_next_event(pool: Pool) -> None:
    owner = Owner(None)
    await tell(pool, engaged())
    await work_off(pool, owner)

    owner.answer = {"system": "s", "value": "v"}
    await tell(pool, granted())
    await work_off(pool, owner)

    assert len(owner.paths) == 2
    assert await pool.fetchval("SELECT value FROM reader") == "v"


def test_until_the_number_is_known_the_reference_stands_alone() -> None:
    assert patient_reference(YOUTH, number_of(None, None)) == {"reference": f"Patient/{YOUTH}"}
    assert number_of("s", "v") == Number("s", "v")
