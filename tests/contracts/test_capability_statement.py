"""What we claim to serve is what the four routers serve."""

import json

from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from services.cli import capabilities


def test_the_committed_statement_is_what_the_routers_serve() -> None:
    assert capabilities.FILE.read_text() == capabilities.text(), "run `make contracts`"


def test_it_is_a_capability_statement_of_r4() -> None:
    found = json.loads(capabilities.FILE.read_text())

    CapabilityStatement.model_validate(found)
    assert found["fhirVersion"] == "4.0.1"


def test_each_type_is_claimed_once_with_what_it_answers() -> None:
    [rest] = json.loads(capabilities.FILE.read_text())["rest"]

    types = [resource["type"] for resource in rest["resource"]]
    assert types == sorted(set(types))
    assert {"Task", "Encounter", "CarePlan", "Goal", "Subscription"} <= set(types)
    assert rest["interaction"] == [{"code": "transaction"}]
