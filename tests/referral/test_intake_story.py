"""One child's referral with numbers, names, dates, goals and order of its own, by a seed."""

import json
import os
import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from contracts.codes import Gap
from contracts.events import HubEngaged, HubPlanUpdated, ReferralAmended, ReferralReceived
from tests.referral.bundles import Bundle, entry_of, make_bundle, of, reexported, without
from tests.referral.rig import NPI, Rig, located

CBHI = "https://waypost.example/fhir/CodeSystem/cbhi-service"
SERVICES = ("outpatient-therapy", "in-home-therapy", "intensive-care-coordination")
TOWNS = {"West Springfield": "west-springfield", "Lynn": "lynn", "New Bedford": "new-bedford"}
LANGUAGES = ("pt", "ht", "vi", "km", "en")


class Tale:
    """What one seed makes of the sample."""

    def __init__(self, seed: int) -> None:
        self.random = pick = random.Random(seed)
        self.npi = npi(pick)
        self.system = f"https://ehr{pick.randrange(10**6)}.example/ids/"
        self.number, self.mrn = self.word("R-"), self.word("M")
        self.member = f"{pick.randrange(10**12):012}"
        self.today = date(2026, 1, 1) + timedelta(days=pick.randrange(300))
        self.born = self.today - timedelta(days=pick.randrange(6 * 366, 20 * 365))
        self.service, self.town = pick.choice(SERVICES), pick.choice(list(TOWNS))
        self.language = pick.choice(LANGUAGES)
        self.goals = [self.word("G") for _ in range(pick.randrange(2, 6))]
        self.assigned = self.goals[: pick.randrange(1, len(self.goals))]
        self.since = self.today - timedelta(days=pick.randrange(1, 200))

    def word(self, prefix: str) -> str:
        return prefix + "".join(self.random.choices("ABCDEFGHKMNPRSTUVWXYZ23456789", k=8))

    def bundle(self) -> Bundle:
        sample = make_bundle(
            number=self.number, mrn=self.mrn, member=self.member, npi=self.npi, only_if_new=False
        )
        text = json.dumps(sample).replace("https://ehr.riverbend.example/ids/", self.system)
        bundle: Bundle = json.loads(text)
        patient = of(bundle, "Patient")
        patient["name"] = [{"family": self.word("Fam"), "given": [self.word("Giv")]}]
        patient["birthDate"] = self.born.isoformat()
        patient["address"][0]["city"] = self.town
        coding = {"system": "urn:ietf:bcp:47", "code": self.language}
        patient["communication"] = [{"language": {"coding": [coding]}}]
        episode = of(bundle, "EpisodeOfCare")
        episode["type"] = [{"coding": [{"system": CBHI, "code": self.service}]}]
        episode["period"] = {"start": self.since.isoformat()}
        end = self.today + timedelta(days=90)
        of(bundle, "CarePlan")["period"] = {"start": str(self.since), "end": str(end)}
        self.put_goals(bundle)
        self.random.shuffle(bundle["entry"])
        return bundle

    def put_goals(self, bundle: Bundle) -> None:
        old = [e for e in bundle["entry"] if e["resource"]["resourceType"] == "Goal"]
        for entry in old:
            bundle["entry"].remove(entry)
        refs = {}
        for n, number in enumerate(self.goals):
            entry = json.loads(json.dumps(old[0]))
            entry["fullUrl"] = f"urn:uuid:{UUID(int=self.random.getrandbits(128), version=4)}"
            entry["resource"]["identifier"][0]["value"] = number
            entry["resource"]["description"]["text"] = f"{self.word('Words ')} {n}"
            bundle["entry"].append(entry)
            refs[number] = {"reference": entry["fullUrl"]}
        of(bundle, "CarePlan")["goal"] = list(refs.values())
        of(bundle, "ServiceRequest")["extension"] = [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal",
                "valueReference": refs[number],
            }
            for number in self.assigned
        ]


def npi(pick: random.Random) -> str:
    """Ten digits whose last is Luhn's, after the prefix 80840."""
    body = "1" + "".join(str(pick.randrange(10)) for _ in range(8))
    digits = [int(d) for d in reversed("80840" + body)]
    doubled = [d * 2 - 9 * (d > 4) if n % 2 == 0 else d for n, d in enumerate(digits)]
    return body + str(-sum(doubled) % 10)


async def test_a_referral_of_other_values_runs_the_same_way(rig: Rig) -> None:
    seed = int(os.environ.get("WAYPOST_SEED") or random.SystemRandom().randrange(10**9))
    told = f"WAYPOST_SEED={seed} repeats it"
    tale = Tale(seed)
    rig.clock.at = rig.clock.at.replace(
        year=tale.today.year, month=tale.today.month, day=tale.today.day
    )
    hub = await rig.hub(tale.npi, tale.word("Hub "))
    bundle = tale.bundle()

    # S2: nothing is said of a hub service.
    answer = await hub.refer(without(bundle, "EpisodeOfCare"))
    assert answer.status_code == 200, (told, answer.text)
    (received,) = await rig.told(ReferralReceived)
    assert received.gaps == (Gap.HUB_SERVICE,), told
    assert (received.languages, received.area) == ((tale.language,), TOWNS[tale.town]), told
    assert await rig.told(HubEngaged) == [], told
    (plan,) = await rig.told(HubPlanUpdated)
    assert sum(goal.tm_assigned for goal in plan.goals) == len(tale.assigned), told
    assert len(plan.goals) == len(tale.goals), told

    # It comes with an update; what was there stays, the day of receipt too.
    update = as_update(bundle)
    rig.clock.at += timedelta(days=3)
    amended = await hub.refer(update)
    assert amended.status_code == 200, (told, amended.text)
    assert located(amended.json(), "ServiceRequest") == located(answer.json(), "ServiceRequest")
    (event,) = await rig.told(ReferralAmended)
    assert (event.gaps, event.received_on) == ((), tale.today), told
    assert event.hub_service == tale.service, told
    (engaged,) = await rig.told(HubEngaged)
    assert engaged.effective == tale.since, told

    # The same once more, as another export writes it: nothing happens.
    before = await rig.told()
    again = await hub.refer(reexported(update))
    assert {e["response"]["status"] for e in again.json()["entry"]} == {"200 OK"}, told
    assert await rig.told() == before, told


def as_update(bundle: Bundle) -> dict[str, Any]:
    """The same Bundle as conditional updates, where its entries have numbers."""
    found: dict[str, Any] = json.loads(json.dumps(bundle))
    for type_ in ("ServiceRequest", "CarePlan", "EpisodeOfCare", "Patient", "Coverage"):
        number = of(found, type_)["identifier"][0]
        url = f"{type_}?identifier={number['system']}|{number['value']}"
        entry_of(found, type_)["request"] = {"method": "PUT", "url": url}
    return found


def test_a_made_number_is_an_npi() -> None:
    assert npi(random.Random(1))[0] == "1"
    assert NPI.endswith("us-npi")
