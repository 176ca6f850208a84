"""A service's settings: read once from the environment, every fault named at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "WAYPOST_"


class ServiceSettings(BaseSettings):
    """What every service needs to know. Values that are secret never show in a repr or an error."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    production: bool = False
    clock: Literal["system", "demo"] = "system"
    clock_file: Path | None = None  # where every process of a demonstration reads the shared skip
    database_dsn: str = Field(repr=False)
    pool_size: int = Field(default=10, ge=2)
    kafka_servers: Annotated[tuple[str, ...], NoDecode]
    host: str = "127.0.0.1"
    port: int
    ops_port: int
    instance: str = "a"  # a stable name: over a restart its Kafka partitions wait for it
    base_url: str  # of the FHIR API, as partners see it
    token_url: str
    referral_url: str  # internal base addresses of the four services
    scheduling_url: str
    documentation_url: str
    notifications_url: str
    key_file: Path  # private EC JWK that signs what this service says to its peers
    staff_issuer: str
    staff_jwks_url: str
    staff_audience: str = "waypost"
    agency_id: UUID
    agency_npi: str
    agency_name: str
    cursor_key: str = Field(repr=False)
    traces: Literal["none", "zipkin", "otlp"] = "none"
    traces_url: str | None = None
    allow_loopback_endpoints: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("kafka_servers", mode="before")
    @classmethod
    def split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def refuse_what_is_unsafe(self) -> Self:
        if wrong := [sentence for broken, sentence in self.faults() if broken]:
            raise ValueError("\n".join(wrong))
        return self

    def faults(self) -> list[tuple[bool, str]]:
        demo, production = self.clock == "demo", self.production
        plain = not self.base_url.startswith("https://")
        return [
            (demo and self.clock_file is None, "WAYPOST_CLOCK=demo needs WAYPOST_CLOCK_FILE."),
            (not self.kafka_servers, "WAYPOST_KAFKA_SERVERS names no server."),
            (production and demo, "WAYPOST_CLOCK=demo is refused in production."),
            (production and plain, "WAYPOST_BASE_URL must be https in production."),
            (production and len(self.cursor_key) < 32, "WAYPOST_CURSOR_KEY is too short."),
            (
                production and self.allow_loopback_endpoints,
                "WAYPOST_ALLOW_LOOPBACK_ENDPOINTS is refused in production.",
            ),
        ]

    @property
    def peers(self) -> Mapping[str, str]:
        """The internal base address of each service, by its name."""
        return {
            "referral": self.referral_url,
            "scheduling": self.scheduling_url,
            "documentation": self.documentation_url,
            "notifications": self.notifications_url,
        }

    @classmethod
    def read(cls) -> Self:
        """The settings of this process; exits with one sentence for each fault there is."""
        try:
            return cls()
        except ValidationError as error:
            raise SystemExit("\n".join(sentences(error))) from None


def sentences(error: ValidationError) -> list[str]:
    """What is wrong, in words, without the values: among them are secrets."""
    found = []
    for fault in error.errors(include_input=False, include_url=False):
        name = PREFIX + "_".join(map(str, fault["loc"])).upper()
        if not fault["loc"]:
            found += fault["msg"].removeprefix("Value error, ").splitlines()
        elif fault["type"] == "missing":
            found.append(f"{name} is missing.")
        else:
            found.append(f"{name} cannot be read: {fault['msg']}.")
    return found
