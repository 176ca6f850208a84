"""What partners read of what was sent: each what it sent itself, and nobody else's."""

from services.chassis.fhir.server import FhirRouter


def add_reads(router: FhirRouter) -> None:
    """Give a router the reads and searches of this service's own types and of mirrors."""
