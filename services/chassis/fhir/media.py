"""Media types on /fhir: what a request may carry and what it may ask for (B-13 to B-15)."""

from collections.abc import Mapping
from email.message import Message
from urllib.parse import parse_qsl

from services.chassis.fhir.outcome import FhirRefused, refusal

__all__ = ["check_accept", "check_content", "check_form"]

JSON = ("application/fhir+json", "application/json")
FORM = "application/x-www-form-urlencoded"
# A plus sign that nobody escaped arrives as a space.
FORMATS = (*JSON, "json", "application/fhir json", "text/json")
ANYTHING = ("*/*", "application/*")
FHIR_VERSIONS = ("", "4.0", "4.0.1")


def check_accept(headers: Mapping[str, str], query: str) -> None:
    """Refuse (406) who can read no JSON of R4. `_format` wins over Accept."""
    asked = [value for name, value in parse_qsl(query) if name == "_format"]
    if asked:
        good = all(value.split(";")[0].strip() in FORMATS for value in asked)
    else:
        accepted = [parse(part) for part in headers.get("accept", "*/*").split(",")]
        good = any(
            (type_ in JSON or type_ in ANYTHING) and options.get("fhirversion", "") in FHIR_VERSIONS
            for type_, options in accepted
        )
    if not good:
        raise refusal(406, "Answers are application/fhir+json, of FHIR 4.0.")


def check_content(headers: Mapping[str, str]) -> None:
    """Refuse (415) a body that is not plain JSON in UTF-8, of R4."""
    type_, options = parse(headers.get("content-type", ""))
    if type_ not in JSON:
        raise unsupported("Send the body as application/fhir+json.")
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise unsupported("Send the body in UTF-8.")
    if options.get("fhirversion", "") not in FHIR_VERSIONS:
        raise unsupported("This server speaks FHIR 4.0.")
    check_coding(headers)


def check_form(headers: Mapping[str, str]) -> None:
    if parse(headers.get("content-type", ""))[0] != FORM:
        raise unsupported(f"Send the search as {FORM}.")
    check_coding(headers)


def check_coding(headers: Mapping[str, str]) -> None:
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise unsupported("Send the body without Content-Encoding.")


def unsupported(text: str) -> FhirRefused:
    return refusal(415, text)


def parse(value: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, names in lower case."""
    header = Message()
    header["content-type"] = value.replace("\r", " ").replace("\n", " ").strip()
    options = header.get_params(failobj=[], header="content-type")[1:]
    return value.split(";")[0].strip().lower(), {name.lower(): text for name, text in options}
