"""An outside scheduler: who may be matched, who has a mentor. `scheduler.py KAFKA EVENTS TOKEN`."""

import asyncio
import json
import sys
from pathlib import Path

import httpx
from aiokafka import AIOKafkaConsumer

HEARD = {"EligibilityConfirmed.v1": "may be matched", "MentorAssigned.v1": "has a mentor"}


def ask(url: str, token: str) -> list[dict[str, str]]:
    """What Kafka lost, from who published it; a token lives for minutes: have a fresh one there."""
    bearer = {"Authorization": f"Bearer {Path(token).read_text().strip()}"}
    return list(httpx.get(url, headers=bearer).raise_for_status().json()["events"])


async def follow(kafka: str, events: str = "", token: str = "", group: str = "ours") -> None:
    """Say what matters, each once and in order. EVENTS is the gateway's /events, TOKEN a file."""
    last: dict[str, int] = {}  # the number of each topic and key: keep it with your own data
    start = {"auto_offset_reset": "earliest", "enable_auto_commit": False}  # never `latest`
    topics = "referral.v1", "scheduling.v1"
    async with AIOKafkaConsumer(*topics, bootstrap_servers=kafka, group_id=group, **start) as told:
        async for record in told:
            about = {name: value.decode() for name, value in record.headers}
            stream = f"{record.topic.removesuffix('.v1')}?stream={record.key.decode()}"
            while (ours := last.get(stream, 0)) < (number := int(about["ce_sequence"])):
                news = [{"sequence": number, "type": about["ce_type"], "body": record.value}]
                if number > ours + 1:  # a gap; not above ours would be a repeat: it is dropped
                    news = await asyncio.to_thread(ask, f"{events}/{stream}&after={ours}", token)
                for one in news:  # its number and its effect: one transaction of yours
                    last[stream] = one["sequence"]
                    if what := HEARD.get(one["type"]):
                        print(json.loads(one["body"])["referral_id"], what, flush=True)
            await told.commit()


asyncio.run(follow(*sys.argv[1:]))
