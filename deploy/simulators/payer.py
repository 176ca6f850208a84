"""A payer's eligibility desk: answers the fields of a 270 with those of a 271, as JSON.

`python -m deploy.simulators.payer --port P --home DIR [--token-file FILE]`

| route | |
|---|---|
| POST /<payer>/eligibility | a question, under the bearer token of --token-file (made if absent) |
| POST /members | a member or a list of them, see `Member` |
| POST /behaviour | {"mode": normal, silent, aaa42 or 503, "member_id": only whom, or none} |
| GET /log | what was asked and answered, without names |
"""

import asyncio
import hmac
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.simulators.serving import Json, Kept, Log, arguments, refused, serve, shared_token

Member = Json
"""member_id, first_name, last_name, birth_date, product (the 271's EB05), period {start, end or
none}; bh_admin and messages if there are any."""

MODES = {"normal", "silent", "aaa42", "503"}
SILENT_SECONDS = 300  # longer than anybody waits
EVERYBODY = "*"


class Payer:
    def __init__(self, home: Path, token: str) -> None:
        self.token = token
        self.members = Kept(home / "members.json", default={})
        self.modes = Kept(home / "behaviour.json", default={})
        self.log = Log(home / "log.jsonl")

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/members", self.teach, methods=["POST"]),
                Route("/behaviour", self.behave, methods=["POST"]),
                Route("/log", self.show_log),
                Route("/{payer}/eligibility", self.answer, methods=["POST"]),
            ]
        )

    async def teach(self, request: Request) -> JSONResponse:
        taught = await request.json()
        members = taught if isinstance(taught, list) else [taught]
        self.members.keep(self.members.value | {one["member_id"]: one for one in members})
        return JSONResponse({"members": len(self.members.value)})

    async def behave(self, request: Request) -> JSONResponse:
        wish = await request.json()
        if wish.get("mode") not in MODES:
            return refused(400, f"mode is one of {', '.join(sorted(MODES))}.")
        whom = wish.get("member_id") or EVERYBODY
        self.modes.keep(self.modes.value | {whom: wish["mode"]})
        return JSONResponse(self.modes.value)

    async def show_log(self, request: Request) -> JSONResponse:
        return JSONResponse(self.log.entries())

    async def answer(self, request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            return refused(401, "The bearer token is not the one we agreed on.")
        question = await request.json()
        mode = self.mode_for(question.get("member_id", ""))
        answer = unable(question) if mode == "aaa42" else self.answer_to(question)
        self.log.add(
            "asked",
            payer=request.path_params["payer"],
            mode=mode,
            **{name: question.get(name) for name in ("trace", "member_id", "service_date")},
            aaa=[one["code"] for one in answer["aaa"]],
            eb01=[one["eb01"] for one in answer["benefits"]],
            eb05=[one["eb05"] for one in answer["benefits"]],
        )
        if mode == "silent":
            await asyncio.sleep(SILENT_SECONDS)
        if mode in ("silent", "503"):
            return refused(503, "The eligibility system is away.")
        return JSONResponse(answer)

    def mode_for(self, member_id: str) -> str:
        modes = self.modes.value
        return str(modes.get(member_id) or modes.get(EVERYBODY) or "normal")

    def answer_to(self, question: Json) -> Json:
        """A 271: unknown member 75, other birth date 71, no cover that day EB01 6, else its plan.

        The name is the member's own, so that the asker notices whom it was told about.
        """
        member = self.members.value.get(question.get("member_id"))
        if not member:
            return rejected(question, "75")
        if member["birth_date"] != question.get("birth_date"):
            return rejected(question, "71")
        name = {"first": member["first_name"], "last": member["last_name"]}
        return answer_with(question, benefits=benefits_of(member, question), name=name) | {
            "messages": member.get("messages", [])
        }


def benefits_of(member: Member, question: Json) -> list[Json]:
    period = member["period"]
    day, end = question["service_date"], period.get("end")
    if day < period["start"] or (end and day > end):
        return [{"eb01": "6", "eb05": member["product"], "period": period}]
    plan = [{"eb01": "1", "eb05": member["product"], "period": period}]
    if administrator := member.get("bh_admin"):
        plan.append({"eb01": "MC", "eb05": administrator, "period": period})
    return plan


def rejected(question: Json, code: str) -> Json:
    return answer_with(question, aaa=[{"code": code, "followup": "C"}])


def unable(question: Json) -> Json:
    return answer_with(question, aaa=[{"code": "42", "followup": "R"}])


def answer_with(
    question: Json,
    *,
    aaa: list[Json] | None = None,
    benefits: list[Json] | None = None,
    name: Json = None,
) -> Json:
    return {
        "trace": question.get("trace"),
        "aaa": aaa or [],
        "benefits": benefits or [],
        "name": name,
        "messages": [],
    }


def main() -> None:
    parser = arguments("A payer that answers eligibility questions.")
    parser.add_argument("--token-file", type=Path, help="default: <home>/token")
    options = parser.parse_args()
    token = shared_token(options.token_file or options.home / "token")
    serve(Payer(options.home, token).app(), options)


if __name__ == "__main__":
    main()
