"""An outside scheduler in forty lines: who may be matched, and who has a mentor.

`python deploy/examples/scheduler.py 127.0.0.1:9092`. Reads Kafka and nothing else of ours. Records
come at least once and in order per key (the youth): the number in `ce_sequence` says which is new.
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer

TOPICS = ("referral.v1", "scheduling.v1")
HEARD = {"EligibilityConfirmed.v1": "may be matched", "MentorAssigned.v1": "has a mentor"}


async def follow(servers: str, group: str = "our-scheduler") -> None:
    """Print what matters, each once; say when a number is missing. Runs until it is stopped."""
    last: dict[tuple[str, bytes], int] = {}  # keep it with your data, in the same transaction
    consumer = AIOKafkaConsumer(
        *TOPICS,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",  # never `latest`: it skips what came before the first join
        enable_auto_commit=False,
    )
    async with consumer:
        async for record in consumer:
            headers = {name: value.decode() for name, value in record.headers}
            stream, number = (record.topic, record.key), int(headers["ce_sequence"])
            if number > last.get(stream, 0) + 1:
                print(f"{record.key.decode()}: {last.get(stream, 0) + 1} is missing", flush=True)
            if number > last.get(stream, 0):
                last[stream] = number
                if what := HEARD.get(headers["ce_type"]):
                    print(json.loads(record.value)["referral_id"], what, flush=True)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1]))
