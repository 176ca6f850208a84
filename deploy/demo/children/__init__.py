"""Invented children and the Bundles in which hubs refer them. Everything follows from a seed."""

from deploy.demo.children.bundle import Resource, amendment, bundle, spoilt, without_goal
from deploy.demo.children.child import (
    ADULT_YEARS,
    Child,
    HubOffice,
    adult,
    age,
    children,
    member_of,
    same_child,
    twins,
    without_goals,
    without_hub_service,
)
from deploy.demo.children.names import GOALS

__all__ = [
    "ADULT_YEARS",
    "GOALS",
    "Child",
    "HubOffice",
    "Resource",
    "adult",
    "age",
    "amendment",
    "bundle",
    "children",
    "member_of",
    "same_child",
    "spoilt",
    "twins",
    "without_goal",
    "without_goals",
    "without_hub_service",
]
