"""What leaves is R4 by the FHIR library's models, in every state that there is."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from fhir.resources.R4B import get_fhir_model_class

from services.scheduling.domain.appointments import Appointment, AppointmentState
from services.scheduling.domain.episodes import Episode, EpisodeState, Reader
from services.scheduling.domain.people import DirectoryEntry, StaffRole
from services.scheduling.mapping import fhir as mapping
from tests.scheduling.builders import MENTOR, NOW, SUPERVISOR, make_person, make_plan

AGENCY = UUID(int=1)
SENDER = Reader("https://ehr.example/ids/mrn", "A-1", is_sender=True)
OTHER = Reader(None, None, is_sender=False)


def make_appointment(state: AppointmentState) -> Appointment:
    return Appointment(
        UUID(int=20),
        UUID(int=21),
        UUID(int=22),
        UUID(int=23),
        MENTOR,
        plan=make_plan(),
        planned_units=4,
        state=state,
        cancelled_by=None,
        booked_at=NOW,
        version=2,
        updated_at=NOW,
    )


def make_episode(state: EpisodeState, **changes: Any) -> Episode:
    given: dict[str, Any] = {
        "opened_on": date(2026, 11, 22),
        "supervisor_id": SUPERVISOR,
        "version": 1,
        "updated_at": NOW,
        **changes,
    }
    return Episode(UUID(int=30), UUID(int=31), UUID(int=32), state=state, **given)


def assert_is_r4(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("reader", [SENDER, OTHER], ids=["sender", "other-hub"])
@pytest.mark.parametrize("state", AppointmentState)
def test_an_appointment_is_r4_in_every_state(state: AppointmentState, reader: Reader) -> None:
    assert_is_r4(mapping.appointment_as_read(make_appointment(state), reader))


@pytest.mark.parametrize("reader", [SENDER, OTHER], ids=["sender", "other-hub"])
@pytest.mark.parametrize("state", EpisodeState)
def test_an_episode_is_r4_in_every_state(state: EpisodeState, reader: Reader) -> None:
    assert_is_r4(mapping.episode_as_read(make_episode(state), reader, agency_id=AGENCY))


@pytest.mark.parametrize("role", StaffRole)
def test_a_member_of_staff_is_r4(role: StaffRole) -> None:
    entry = DirectoryEntry(make_person(), role, active=True, version=1, updated_at=NOW)

    assert_is_r4(mapping.practitioner(entry))
    assert_is_r4(mapping.practitioner_role(entry, agency_id=AGENCY))


@pytest.mark.parametrize("id_", sorted(mapping.PLACES))
def test_a_kind_of_place_is_r4_and_has_no_address(id_: str) -> None:
    place = mapping.location(id_, agency_id=AGENCY)

    assert place is not None
    assert_is_r4(place)
    assert "address" not in place


def test_a_frozen_appointment_is_pending_and_nobody_has_agreed_yet() -> None:
    resource = mapping.appointment_as_read(make_appointment(AppointmentState.FROZEN), SENDER)

    assert resource["status"] == "pending"
    assert {one["status"] for one in resource["participant"]} == {"tentative"}


def test_an_episode_that_never_opened_is_cancelled_not_finished() -> None:
    never = make_episode(EpisodeState.CLOSED, opened_on=None, supervisor_id=None)
    resource = mapping.episode_as_read(never, SENDER, agency_id=AGENCY)

    assert resource["status"] == "cancelled"
    assert "period" not in resource
    assert "careManager" not in resource


def test_an_episode_that_was_served_is_finished() -> None:
    served = make_episode(EpisodeState.CLOSED)

    assert mapping.episode_as_read(served, SENDER, agency_id=AGENCY)["status"] == "finished"
