"""A process that works on missions and may be killed at any moment; started by soak_drive.py.

Usage: soak_worker.py <JSON>, with place, folder, port, shared, pace, at_once, seed. It says "ready <worker>", then answers
lines: "submit <id>" with "accepted <id>", "order <JSON>" with "ordered <id>", both or with "refused <id> <why>"; and "disk
<bytes>". An answer is an acknowledgement: what it names is never lost. It stops in order when its input ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import resource
import sys
from pathlib import Path
from typing import Any

from soak_house import House, mission, open_house
from soak_play import Actor

from core.errors import StaffworkError
from core.steering import Order


def say(words: str) -> None:
    os.write(1, f"{words}\n".encode())


async def obey(house: House, line: str) -> None:
    what, _, rest = line.strip().partition(" ")
    if what == "submit":
        try:
            await house.submit(mission(rest))
        except StaffworkError as reason:
            say(f"refused {rest} {reason}")
        else:
            say(f"accepted {rest}")
        return
    if what == "disk":  # from here on no file can grow beyond so many bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(rest), resource.RLIM_INFINITY))
        say(f"disk {rest}")
        return
    order = Order.model_validate_json(rest)
    try:
        await house.give(order)
    except StaffworkError as reason:
        say(f"refused {order.id} {reason}")
    else:
        say(f"ordered {order.id}")


async def work(given: dict[str, Any]) -> None:
    place = given["place"] if given["place"].startswith("postgresql:") else Path(given["place"])
    actor = Actor(given["port"], given["pace"], random.Random(given["seed"]))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    how = {"shared": given["shared"], "at_once": given["at_once"]}
    async with open_house(place, Path(given["folder"]), actor.script, actor.tools(), **how) as house:
        say(f"ready {house.queue.worker}")
        async with asyncio.TaskGroup() as group:
            while line := await reader.readline():
                group.create_task(obey(house, line.decode()))


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("SOAK_LOG", "ERROR"), format="%(process)d %(levelname)s %(message)s")
    logging.getLogger("tools.toolbox").setLevel("CRITICAL")  # tools break down on purpose
    asyncio.run(work(json.loads(sys.argv[1])))
