"""The agency's rules as this service uses them, read from the rule pack for one day."""

from datetime import date

from contracts.codes import Priority
from contracts.rules import RulePack
from services.scheduling.domain.appointments import SessionRules
from services.scheduling.domain.episodes import EligibilityLost
from services.scheduling.domain.matching import Factor, MatchingRules
from services.scheduling.domain.offers import OfferRules


def matching_rules(pack: RulePack, *, on: date) -> MatchingRules:
    weights = pack.value("matching.weights", on=on).value
    return MatchingRules(
        weights={Factor(name): weight for name, weight in weights.items()},
        screenings=tuple(pack.value("mentor.screening", on=on).value),
        usual_hours=float(pack.value("matching.hours_per_week", on=on).value),
    )


def session_rules(pack: RulePack, *, on: date) -> SessionRules:
    return SessionRules(
        unit_minutes=pack.value("unit.minutes", on=on).value,
        max_minutes=pack.value("session.max_minutes", on=on).value,
        one_day=pack.value("session.one_day", on=on).value,
    )


def urgent_priorities(pack: RulePack, *, on: date) -> frozenset[Priority]:
    return frozenset(map(Priority, pack.value("waitlist.urgent_priorities", on=on).value))


def eligibility_lost(pack: RulePack, *, on: date) -> EligibilityLost:
    return EligibilityLost(pack.value("episode.eligibility_lost", on=on).value)


def attempts_before_disengaged(pack: RulePack, *, on: date) -> int:
    """Days on which a family was tried in vain before it counts as disengaged."""
    attempts: int = pack.value("episode.disengaged_attempts", on=on).value
    return attempts


def offer_rules(pack: RulePack, *, on: date) -> OfferRules:
    return OfferRules(
        business_days=pack.value("clock.offer_expiry", on=on).value["business_days"],
        holidays=frozenset(pack.value("holidays.massachusetts", on=on).value),
    )
