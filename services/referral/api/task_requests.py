"""Where a hub sends a Task alone, for a referral that is here already (FHIR.md §7.2, B)."""

from fastapi import Request
from starlette.responses import Response

from services.chassis.auth import Partner
from services.chassis.doors import fhir_response
from services.chassis.fhir.guard import check_off_loop
from services.chassis.fhir.server import FhirRouter, change, touch
from services.referral.api.intake import HUBS, agency_of, preference, rejects_kept
from services.referral.api.tasks import Door
from services.referral.commands.case import Sender
from services.referral.commands.take_task import take_task
from services.referral.mapping.inbound.task_alone import ask_of
from services.referral.store.payers import Named


def add_task_requests(router: FhirRouter, agency: Named) -> None:
    """Give a router the create of Task: the referral has one already, so the answer is 200."""
    door = Door(agency)

    @router.write("POST", "/fhir/Task", scope="Task.c", kinds=HUBS)
    async def receive_task(request: Request, partner: Partner) -> Response:
        body = await request.body()
        context = request.app.state.context
        settings = context.settings
        async with rejects_kept(request, partner, body):
            checked = await check_off_loop(body, expect={"Task"})
            ask = ask_of(checked.resource, base_url=settings.base_url)
            sender = Sender(partner, agency_of(settings), settings.base_url)
            async with change(request, partner) as conn:
                task = await take_task(conn, ask, sender=sender, now=context.clock.now())
                touch(request, f"Task/{task.task_id}")
                shown = await door.shown(conn, task)
        base = settings.base_url.rstrip("/")
        headers = {
            "Location": f"{base}/Task/{task.task_id}/_history/{task.version}",
            "ETag": f'W/"{task.version}"',
        }
        if preference(request) == "minimal":
            return Response(None, 200, headers)
        return fhir_response(shown, 200, headers)
