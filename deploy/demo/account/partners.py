"""What the partners' own logs say: what hubs sent and were told, what the payer answered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from contracts import rules
from deploy.demo.account.line import Line

Log = Sequence[Mapping[str, Any]]

SILENCE = {"silent", "503"}  # of the payer: what it wrote down, it never said
CANNOT_ANSWER = {"42", "80"}
TAKEN = {200, 201}
REFUSED = {400, 409, 412, 413, 415, 422}


def hear(lines: Sequence[Line], logs: Mapping[str, Log]) -> None:
    """What each hub's own log says that it was told; a repeat under one number counts once."""
    heard = {
        (entry["subscription"], event["number"], event["focus"].rpartition("/")[2])
        for log in logs.values()
        for entry in log
        if entry.get("kind") == "received" and entry.get("answered") == 200
        for event in entry.get("events", ())
    }
    about = Counter(focus for _, _, focus in heard)
    for line in lines:
        line.heard_of_task = about[str(line.task_id)]
        line.heard_of_sessions = sum(1 for id_ in line.session_ids if about[id_])


def answered(logs: Mapping[str, Log]) -> tuple[set[str], set[str]]:
    """The hubs' own numbers of all that they sent and had accepted, and of what was refused."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for log in logs.values():
        for entry in log:
            if entry.get("kind") == "sent" and entry.get("status") in TAKEN | REFUSED:
                found[entry["status"] in TAKEN].update(entry.get("placers", ()))
    return found[True], found[False]


def ask(lines: Sequence[Line], log: Log) -> None:
    """The payer's last word on each member, as the payer wrote it down."""
    last: dict[str, str] = {}
    for entry in log:
        if entry.get("kind") == "asked":
            last[entry["member_id"]] = word_of(entry)
    for line in lines:
        words = {last[member] for member in line.members if member in last}
        line.payer_says = next((word for word in WORDS if word in words), None)


WORDS = ("yes", "excluded", "no", "rejects", "nothing")  # one of several coverages is enough


def word_of(entry: Mapping[str, Any]) -> str:
    codes = set(entry["aaa"])
    if entry["mode"] in SILENCE or codes & CANNOT_ANSWER:
        return "nothing"
    if codes:
        return "rejects"
    if "1" not in entry["eb01"]:
        return "no"
    return "excluded" if is_excluded(entry.get("eb05", ()), entry["service_date"]) else "yes"


def is_excluded(products: Sequence[str], day: str) -> bool:
    """Whether a plan that the payer names covers no Therapeutic Mentoring (rule E5)."""
    pack, on = rules.load(), date.fromisoformat(day)
    aliases = pack.value("coverage.product_aliases", on=on).value
    excluded = set(pack.value("coverage.masshealth.types_excluded", on=on).value)
    return any(aliases.get(product.lower()) in excluded for product in products)
