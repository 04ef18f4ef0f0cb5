"""Run a devnet alone: `python -m devnet HOME [RPC_PORT [ZMQ_PORT [BLOCK_SECONDS]]]`."""

import asyncio
import sys
from pathlib import Path

from devnet import devnet

_USAGE = "usage: python -m devnet HOME [RPC_PORT [ZMQ_PORT [BLOCK_SECONDS]]]"


async def main(
    home: Path, rpc_port: str = "18332", zmq_port: str = "28332", block_seconds: str = "5"
) -> None:
    """Serve on loopback, and say on a line where, until stopped."""
    options = devnet.Options(
        f"127.0.0.1:{rpc_port}", f"127.0.0.1:{zmq_port}", block_seconds=float(block_seconds)
    )
    async with devnet.running(home, options) as running:
        sys.stdout.write(f"{running.rpc_url} {running.zmq_endpoint}\n")
        sys.stdout.flush()
        await running.stopping.wait()


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 5:
        sys.exit(_USAGE)
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
