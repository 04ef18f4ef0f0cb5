"""An MQTT broker in a process of its own."""

import asyncio
import socket
import sys

from app.cli.demo import broker


async def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with broker.running("127.0.0.1", port):
        print(f"Broker on port {port}.", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
