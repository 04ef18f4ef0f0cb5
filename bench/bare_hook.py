"""The limit for a block's way to a webhook: its announcement, the block from the node, a post; nothing between."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import uvloop

from app.chain import zmq_announcements
from app.chain.node import Node
from app.events import address_filter
from app.events.http_post import Poster

HEADERS = {"Content-Type": "application/json"}


async def main(node_url: str, zmq: str, url: str) -> None:
    announced: asyncio.Queue[bytes] = asyncio.Queue()
    with ThreadPoolExecutor(1) as threads:
        guard = address_filter.Guard(address_filter.EVERYWHERE)
        poster = Poster(address_filter.resolver(threads), guard=guard)
        async with Node(node_url) as node, asyncio.TaskGroup() as tasks:
            tasks.create_task(zmq_announcements.listen(zmq, {"hashblock": announced.put_nowait}))
            print("Listening.", flush=True)
            while True:
                [raw] = await node.blocks([await announced.get()])
                await poster.post(url, HEADERS, raw[:80].hex().encode())


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
