"""Which mentor fits a youth: hard filters with their reasons, and a soft score that is explained.

Nothing here decides for a person: the scheduler sees every mentor, the excluded ones too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.scheduling.domain.people import Gender, Mentor, Problem, Window, standing_problems

FULL_SCORE = 100


class Factor(StrEnum):
    """What makes a match better. Culture and interests are not known in codes, so not counted."""

    LANGUAGE = "language"
    GENDER = "gender"
    AVAILABILITY = "availability"
    AREA = "area"
    CONTINUITY = "continuity"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a youth's referral asks of a mentor, in codes. No hours: as many as is usual."""

    languages: tuple[str, ...] = ()
    interpreter_needed: bool = False
    gender_required: Gender | None = None
    gender_preferred: Gender | None = None
    area: str | None = None
    hours_per_week: float | None = None
    windows: tuple[Window, ...] = ()
    mentors_before: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class MatchingRules:
    """From the rule pack: how much each factor weighs, and which screenings a mentor must hold."""

    weights: Mapping[Factor, int]
    screenings: tuple[str, ...]
    usual_hours: float

    def hours(self, wish: Wish) -> float:
        return wish.hours_per_week or self.usual_hours


@dataclass(frozen=True, slots=True)
class Points:
    """One factor's part of a score, `fit` being 0 to 1, and why."""

    factor: Factor
    points: float
    possible: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Match:
    """A mentor for a youth: either excluded, with every reason, or scored out of 100."""

    mentor_id: UUID
    score: float
    points: tuple[Points, ...]
    excluded: tuple[Problem, ...]
    hours_left: float

    @property
    def reasons(self) -> tuple[str, ...]:
        """The factors that speak for this mentor, strongest first."""
        good = [part for part in self.points if part.points > 0]
        return tuple(part.factor for part in sorted(good, key=lambda part: -part.points))


def ranked(
    wish: Wish, mentors: Iterable[Mentor], *, on: date, rules: MatchingRules
) -> tuple[Match, ...]:
    """Every mentor, the best first and the excluded last; the same facts give the same order.

    Equal scores: who has more hours left comes first, then by id. Source: DOMAIN.md 5.4, 10.
    """
    matches = [match(wish, mentor, on=on, rules=rules) for mentor in mentors]
    return tuple(
        sorted(matches, key=lambda m: (bool(m.excluded), -m.score, -m.hours_left, m.mentor_id))
    )


def match(wish: Wish, mentor: Mentor, *, on: date, rules: MatchingRules) -> Match:
    """How one mentor fits."""
    points = tuple(points_of(factor, wish, mentor, rules) for factor in Factor)
    return Match(
        mentor.mentor_id,
        score=round(sum(part.points for part in points), 1),
        points=points,
        excluded=exclusions(wish, mentor, on=on, rules=rules),
        hours_left=mentor.max_hours - mentor.hours_taken,
    )


def exclusions(
    wish: Wish, mentor: Mentor, *, on: date, rules: MatchingRules
) -> tuple[Problem, ...]:
    """Every hard filter that a mentor fails.

    A language is required when the family needs an interpreter; else it only sorts.
    """
    found = list(standing_problems(mentor, on=on, screenings=rules.screenings))
    left, asked = mentor.max_hours - mentor.hours_taken, rules.hours(wish)
    if left < asked:
        found.append(
            Problem(
                "capacity",
                f"The mentor has {left:g} hours a week left; {asked:g} are asked for.",
            )
        )
    if wish.interpreter_needed and wish.languages and best_language(wish, mentor) is None:
        spoken = ", ".join(wish.languages)
        found.append(Problem("language-required", f"The mentor does not speak {spoken}."))
    if wish.gender_required and mentor.gender != wish.gender_required:
        found.append(
            Problem("gender-required", f"A mentor of gender {wish.gender_required} is required.")
        )
    return tuple(found)


def points_of(factor: Factor, wish: Wish, mentor: Mentor, rules: MatchingRules) -> Points:
    fit, sentence = FITS[factor](wish, mentor, rules)
    total = sum(rules.weights.values()) or 1
    possible = rules.weights.get(factor, 0)
    return Points(factor, round(FULL_SCORE * possible * fit / total, 1), possible, sentence)


def language_fit(wish: Wish, mentor: Mentor, rules: MatchingRules) -> tuple[float, str]:
    """Full for the first language asked, less for each later one."""
    if not wish.languages:
        return 1.0, "No language is asked for."
    place = best_language(wish, mentor)
    if place is None:
        return 0.0, f"Speaks none of {', '.join(wish.languages)}."
    fit = 1.0 - place / len(wish.languages)
    return fit, f"Speaks {wish.languages[place]}, language {place + 1} of the family."


def best_language(wish: Wish, mentor: Mentor) -> int | None:
    """The place of the first language of the wish that the mentor speaks; regions do not matter."""
    spoken = {primary(tag) for tag in mentor.languages}
    places = (place for place, tag in enumerate(wish.languages) if primary(tag) in spoken)
    return next(places, None)


def primary(tag: str) -> str:
    """The language of a BCP 47 tag: `es` of `es-PR`."""
    return tag.split("-")[0].lower()


def gender_fit(wish: Wish, mentor: Mentor, rules: MatchingRules) -> tuple[float, str]:
    wanted = wish.gender_required or wish.gender_preferred
    if wanted is None:
        return 1.0, "No gender is asked for."
    if mentor.gender == wanted:
        return 1.0, f"Gender {wanted}, as wished."
    return 0.0, f"Gender {wanted} is wished."


def availability_fit(wish: Wish, mentor: Mentor, rules: MatchingRules) -> tuple[float, str]:
    """How much of the weekly hours asked for lies in times that suit both."""
    if not wish.windows:
        return 1.0, "No times are asked for."
    shared = sum(a.shared_minutes(b) for a in wish.windows for b in mentor.windows) / 60
    asked = rules.hours(wish)
    return min(1.0, shared / asked), f"{shared:g} hours a week suit both; {asked:g} are asked for."


def area_fit(wish: Wish, mentor: Mentor, rules: MatchingRules) -> tuple[float, str]:
    """The same town, or not: no distance is known, because no address leaves its owner."""
    if wish.area is None:
        return 1.0, "The youth's town is not known."
    if mentor.area == wish.area:
        return 1.0, "Works in the youth's town."
    return 0.0, "Works in another town."


def continuity_fit(wish: Wish, mentor: Mentor, rules: MatchingRules) -> tuple[float, str]:
    if mentor.mentor_id in wish.mentors_before:
        return 1.0, "Has mentored this youth before."
    return 0.0, "Has not mentored this youth before."


FITS = {
    Factor.LANGUAGE: language_fit,
    Factor.GENDER: gender_fit,
    Factor.AVAILABILITY: availability_fit,
    Factor.AREA: area_fit,
    Factor.CONTINUITY: continuity_fit,
}
