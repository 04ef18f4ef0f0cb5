"""What a process can do without what it lacks."""

from contextlib import AsyncExitStack
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from app import roles, settings
from app.chain.node import Node
from app.loops import Vital, Vitals
from app.roles import Shared

MAIN = {
    "KENNEL_NETWORK": "main",
    "KENNEL_DATABASE_URL": "embedded",
    "KENNEL_NODE_URL": "http://user:password@127.0.0.1:1",
}


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_without_the_passphrase_nothing_is_signed_and_that_is_said_and_the_clocks_go_on(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    read = settings.read({**MAIN, "KENNEL_HOME": str(tmp_path)})
    vitals = Vitals()
    async with AsyncExitStack() as stack, Node(read.node_url or "") as node:
        shared = Shared(read, engine, node, "one")
        loops = {loop.name: loop for loop in await roles.send(stack, shared)}

        await loops["send"].run(vitals)

    assert list(loops) == ["send", "lapses", "payouts", "expiry", "holds"]
    assert not vitals.ok
    assert vitals.loops["send"] == Vital("stopped", vitals.loops["send"].reason)
    assert vitals.loops["send"].reason.startswith("KENNEL_SEED_PASSPHRASE is not set")
    assert files(tmp_path) == []
