"""A devnet with transactions of strangers in its mempool, which pay too little for any block."""

import asyncio
import sys
from pathlib import Path

from app.chain import wire
from app.chain.wire import Input, Output
from bench import chains
from devnet import devnet
from devnet.mempool import MempoolEntry
from devnet.node import Node


async def main(home: Path, strangers: int) -> None:
    async with devnet.running(home, devnet.Options("127.0.0.1:0", "127.0.0.1:0")) as running:
        await running.in_node_thread(lambda: _fill(running.node, strangers))
        print(f"Node on {running.rpc_url}, {running.zmq_endpoint}.", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _fill(node: Node, strangers: int) -> None:
    """Add them without a check: what they spend is nowhere."""
    now, outputs = node.clock.now(), [Output(10**8, chains.STRANGER)] * 2
    with node.storage.transaction():
        for number in range(1, strangers + 1):
            coin = Input(number.to_bytes(32, "big"), 0, chains.SIGNATURE, 0xFFFFFFFF)
            transaction = wire.assemble([coin], outputs)
            node.mempool.add(MempoolEntry(transaction, 0, now, node.chain.height, 0, 0))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
