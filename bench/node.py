"""A devnet that checks the proof of work of each block that it reads, as Core does."""

import asyncio
import hashlib
import sys
from pathlib import Path

from app.chain import header
from devnet import devnet
from devnet.chainstate import Entry


def scrypt(head: bytes) -> int:
    """Hash a block's first 80 bytes as its proof of work is hashed."""
    return int.from_bytes(hashlib.scrypt(head, salt=head, n=1024, r=1, p=1, dklen=32), "little")


async def main(home: Path) -> None:
    async with devnet.running(home, devnet.Options("127.0.0.1:0", "127.0.0.1:0")) as running:
        chain = running.node.chain
        read = chain.read

        def checked(entry: Entry) -> bytes:
            raw = read(entry)
            if scrypt(raw[: header.HEADER_BYTES]) > header.target(entry.header.bits):
                raise RuntimeError("high-hash")
            return raw

        chain.read = checked
        print(f"Node on {running.rpc_url}, {running.zmq_endpoint}.", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
