"""The official FHIR validator finds nothing wrong in anything that scheduling says."""

from typing import Any

import pytest

from services.scheduling.domain.appointments import AppointmentState
from services.scheduling.domain.episodes import EpisodeState
from services.scheduling.domain.people import DirectoryEntry, StaffRole
from services.scheduling.mapping import fhir as mapping
from tests.judge.validator import Judge
from tests.scheduling.builders import NOW, make_person
from tests.scheduling.test_mapping import AGENCY, OTHER, SENDER, make_appointment, make_episode

pytestmark = pytest.mark.servers


def in_every_state() -> dict[str, dict[str, Any]]:
    """Appointments and episodes as both kinds of hubs read them."""
    found = {}
    for who, reader in (("sender", SENDER), ("other-hub", OTHER)):
        for state in AppointmentState:
            appointment = mapping.appointment_as_read(make_appointment(state), reader)
            found[f"appointment-{state}-{who}"] = appointment
        for phase in EpisodeState:
            episode = make_episode(phase)
            found[f"episode-{phase}-{who}"] = mapping.episode_as_read(
                episode, reader, agency_id=AGENCY
            )
    never = make_episode(EpisodeState.CLOSED, opened_on=None, supervisor_id=None)
    found["episode-never"] = mapping.episode_as_read(never, SENDER, agency_id=AGENCY)
    return found


def directory() -> dict[str, dict[str, Any]]:
    """Staff, also one who has left, and every kind of place."""
    found = {}
    for role in StaffRole:
        for active in (True, False):
            entry = DirectoryEntry(make_person(), role, active=active, version=1, updated_at=NOW)
            name = f"{role}-{'active' if active else 'gone'}"
            found[f"practitioner-{name}"] = mapping.practitioner(entry)
            found[f"role-{name}"] = mapping.practitioner_role(entry, agency_id=AGENCY)
    places = {id_: mapping.location(id_, agency_id=AGENCY) for id_ in mapping.PLACES}
    return found | {id_: place for id_, place in places.items() if place}


def test_what_scheduling_says_is_without_errors_and_a_wrong_state_is_not(judge: Judge) -> None:
    said = in_every_state()
    wrong = {"wrong": {**said["appointment-booked-sender"], "status": "confirmed"}}

    found = judge.errors(said | wrong, us_core=directory())

    assert set(found) == {"wrong"}, found
