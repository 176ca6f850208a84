"""Scheduling's values: those that every service has, and no more."""

from services.chassis.settings import ServiceSettings

Settings = ServiceSettings
