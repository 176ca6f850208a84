"""What a Bundle must be to be read as a transaction (FHIR.md §4)."""

import re
from typing import Any

from services.chassis.fhir.guard.findings import Findings

_URL = re.compile(r"([A-Z][A-Za-z]+)(/[A-Za-z0-9\-.]{1,64}|\?\S+)?")


def judge_transaction(found: Findings, bundle: dict[str, Any]) -> None:
    """Note what is no transaction, and entries that ask for what is not done in one."""
    if bundle["type"] != "transaction":
        text = "Only a transaction is read here."
        found.means_at("Bundle.type", "not-supported", text)
    for index, entry in enumerate(bundle.get("entry", ())):
        where = f"Bundle.entry[{index}]"
        resource = entry.get("resource")
        if resource is None:
            text = "An entry without a resource asks for nothing that is done here."
            found.means_at(f"{where}.resource", "not-supported", text)
        elif resource["resourceType"] == "Bundle":
            found.means_at(
                f"{where}.resource", "not-supported", "A Bundle inside a Bundle is not read."
            )
        elif request := entry.get("request"):
            _judge_request(found, where, request, resource["resourceType"])


def _judge_request(found: Findings, where: str, request: dict[str, Any], type_: str) -> None:
    method = request["method"]
    if method not in ("POST", "PUT"):
        text = "A transaction may hold POST and PUT."
        found.means_at(f"{where}.request.method", "not-supported", text)
    match = _URL.fullmatch(request["url"])
    if not match or match[1] != type_ or (method == "POST" and match[2]):
        text = "The address is the type of the resource; a PUT adds an id or a search."
        found.means_at(f"{where}.request.url", "not-supported", text)
