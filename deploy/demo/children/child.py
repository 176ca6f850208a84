"""One invented child and its hub, drawn from a seed; and what makes some of them special."""

import random
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from deploy.demo.children.names import (
    FAMILY,
    GIVEN,
    GOALS,
    GUARDIANS,
    MIDDLE,
    TOWNS,
    TWINS,
)

ADULT_YEARS = 18


@dataclass(frozen=True)
class HubOffice:
    """A hub as it knows itself: what it writes into its referrals."""

    name: str
    title: str
    npi: str
    clinician_npi: str
    host: str
    service: str

    def system(self, kind: str) -> str:
        return f"https://{self.host}/ids/{kind}"


@dataclass(frozen=True)
class Child:
    """One invented child, and what the hub says of it."""

    hub: HubOffice
    number: int
    given: str
    middle: str
    family: str
    guardian: str
    birth_date: date
    gender: str
    languages: tuple[str, ...]
    town: tuple[str, str]
    mrn: str
    member_id: str
    placer: str
    goals: tuple[str, ...]
    product: str = "MassHealth Standard"
    bh_admin: str = "MBHP"
    names_hub: bool = True
    names_goals: bool = True
    hours_per_week: float | None = None
    covered_to: date | None = None
    uuids: tuple[UUID, ...] = field(default=(), repr=False)
    shuffle: int = 0


def children(seed: int, hubs: list[HubOffice], count: int, today: date) -> list[Child]:
    """`count` children, hubs in turn; the same for the same seed and day."""
    draw = random.Random(seed)
    return [_child(draw, hubs[n % len(hubs)], seed, n, today) for n in range(count)]


def _child(draw: random.Random, hub: HubOffice, seed: int, number: int, today: date) -> Child:
    serial = f"{seed % 100_000 * 1000 + number:08}"  # up to 1,000 children of a seed
    spoken = draw.choice([("en",), ("es", "en"), ("en", "es"), ("pt", "en"), ("en",)])
    return Child(
        hub=hub,
        number=number,
        given=draw.choice(GIVEN),
        middle=draw.choice(MIDDLE),
        family=f"{draw.choice(FAMILY)}-{draw.choice(FAMILY)}",
        guardian=draw.choice(GUARDIANS),
        birth_date=today - timedelta(days=draw.randint(8 * 366, 17 * 365)),
        gender=draw.choice(["female", "male", "other"]),
        languages=spoken,
        town=draw.choice(TOWNS),
        mrn=f"{hub.name[:2].upper()}-{serial}",
        member_id=f"1{serial}{draw.randrange(1000):03}",
        placer=f"REF-{serial}",
        goals=tuple(draw.sample(GOALS, draw.randint(1, 3))),
        hours_per_week=draw.choice([None, 1, 1.5]),
        uuids=tuple(UUID(int=draw.getrandbits(128), version=4) for _ in range(20)),
        shuffle=draw.getrandbits(32),
    )


def age(child: Child, on: date) -> int:
    """Whole years on a day."""
    before = (on.month, on.day) < (child.birth_date.month, child.birth_date.day)
    return on.year - child.birth_date.year - before


def adult(child: Child, today: date) -> Child:
    """The same at eighteen: nobody else speaks for this youth any more."""
    return replace(child, birth_date=today - timedelta(days=18 * 366 + child.number))


def without_hub_service(child: Child) -> Child:
    return replace(child, names_hub=False)


def without_goals(child: Child) -> Child:
    return replace(child, names_goals=False)


def twins(child: Child) -> tuple[Child, Child]:
    """This child and a twin: all but alike in name and number, at home in one place."""
    first, second = TWINS[child.number % len(TWINS)]
    member = int(child.member_id)
    return (
        replace(child, given=first),
        replace(
            child,
            given=second,
            mrn=f"{child.mrn}-2",
            placer=f"{child.placer}-2",
            member_id=str(member - 1 if member % 10 else member + 1),
        ),
    )


def same_child(child: Child, other: Child) -> Child:
    """`other`'s referral, with this child in it: two hubs refer one child."""
    return replace(
        other,
        given=child.given,
        middle=child.middle,
        family=child.family,
        guardian=child.guardian,
        birth_date=child.birth_date,
        gender=child.gender,
        languages=child.languages,
        town=child.town,
        member_id=child.member_id,
    )


def member_of(child: Child, today: date) -> dict[str, Any]:
    """The child as its payer knows it: what the payer simulator is taught."""
    end = {"end": child.covered_to.isoformat()} if child.covered_to else {}
    return {
        "member_id": child.member_id,
        "first_name": child.given,
        "last_name": child.family,
        "birth_date": child.birth_date.isoformat(),
        "product": child.product,
        "bh_admin": child.bh_admin,
        "period": {"start": f"{today.year}-01-01"} | end,
    }
