"""The API's queries to the node for its callers."""

import asyncio

from app.api.node_queries import NodeUnreachable
from app.chain import signing, wire
from app.chain.node import Node
from app.workers import questions
from tests import proxy

RAW = signing.build([(bytes(32), 0)], [wire.Output(1, b"")]).raw


async def test_a_caller_waits_for_a_frozen_node_only_so_long() -> None:
    async with proxy.nobody() as (port, _), Node(f"http://kennel:kennel@127.0.0.1:{port}") as node:
        queries = questions.to(node, seconds=0.2)

        outcomes = await asyncio.gather(
            *(queries.decode("00") for _ in range(8)),
            *(queries.holds(RAW) for _ in range(8)),
            return_exceptions=True,
        )

    assert {type(outcome) for outcome in outcomes} == {NodeUnreachable}
