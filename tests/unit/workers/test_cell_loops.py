"""Each cell has the loops of an installation, and a process has once what its cells can share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.node import Node
from app.config import sources
from app.config.settings import Settings
from app.db.database import Database
from app.db.tables import ready_keys, webhook_endpoints
from app.metrics.process import ProcessMetrics
from app.runtime.loop import Loop
from app.workers import cell_loops
from tests.cells import MakeCells

SINGLE = [
    "abandoned", "audit", "cold", "dogeconnect", "due", "expiry", "follow", "holds", "keys", "leases", "loggers.all", "mempool",
    "mqtt", "notices", "payouts", "rates", "seals", "send", "sequencer", "tidy", "webhooks",
]  # fmt: skip
"""All loops of an installation with one cell."""
FILE = """
[callbacks.shop]
path = "http://127.0.0.1:9/hook"

[callbacks.other]
path = "http://127.0.0.1:9/other"
types = ["INV"]

[loggers.all]
path = "{home}/events.log"

[mqtt]
clientid = "kennel"
"""


def settings(home: Path) -> Settings:
    home.mkdir(exist_ok=True)
    config = home / "kennel.toml"
    config.write_text(FILE.format(home=home))
    return sources.read(
        {
            "KENNEL_HOME": str(home),
            "KENNEL_RATES": "EUR=0.15",
            "KENNEL_MQTT_URL": "mqtt://127.0.0.1:9",
            "KENNEL_NODE_URL": "http://user:password@127.0.0.1:1",
        },
        config,
    )


@asynccontextmanager
async def opened(database: Database, home: Path, holder: str = "one") -> AsyncIterator[list[Loop]]:
    """Prepare the loops of a process within the block; none of them steps."""
    read = settings(home)
    async with AsyncExitStack() as stack:
        with_node = cell_loops.of(stack, read, database, ProcessMetrics(), holder)
        node = await stack.enter_async_context(Node(read.node_url or ""))
        yield await with_node(node).loops(stack)


async def test_with_one_cell_the_loops_have_the_names_of_an_installation(
    database: str, tmp_path: Path
) -> None:
    async with opened(Database(database), tmp_path) as loops:
        assert sorted(loop.name for loop in loops) == SINGLE


async def test_each_cell_has_the_same_loops_under_its_own_name_and_one_asks_for_rates(
    cells: MakeCells, tmp_path: Path
) -> None:
    divided = await cells(2)
    async with opened(divided.database, tmp_path) as loops:
        names = [loop.name for loop in loops]

    of_cell = [
        sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))
        for prefix in ("cell_000.", "cell_001.")
    ]
    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not name.startswith("cell_")] == ["notices", "sharing"]
    assert of_cell[0] == sorted({*SINGLE, "coins"} - {"notices"})
    assert of_cell[1] == [name for name in SINGLE if name not in ("notices", "rates")]


async def test_a_callback_of_the_settings_is_one_endpoint_in_all_cells(
    cells: MakeCells, tmp_path: Path
) -> None:
    divided = await cells(3)
    for _ in range(2):
        async with opened(divided.database, tmp_path):
            pass

    first, *others = [await endpoints(engine) for engine in divided.engines]
    assert {name: types for _, name, types in first} == {"shop": ["ALL"], "other": ["INV"]}
    assert others == [first, first]


async def test_all_cells_have_keys_of_one_seed_and_each_remembers_what_it_sent_in_a_file_of_its_own(
    cells: MakeCells, tmp_path: Path
) -> None:
    divided = await cells(2)
    async with opened(divided.database, tmp_path):
        pass

    for cell, engine in enumerate(divided.engines):
        async with engine.connect() as db:
            numbers = list(await db.scalars(sa.select(ready_keys.c.number).order_by(ready_keys.c.number)))
        assert numbers[:3] == [cell, cell + 2, cell + 4]
    assert files(tmp_path) == ["seed.json", "sent-000.json", "sent-001.json"]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".json")


async def endpoints(engine: AsyncEngine) -> list[tuple[int, str, list[str]]]:
    columns = webhook_endpoints.c.id, webhook_endpoints.c.name, webhook_endpoints.c.types
    async with engine.connect() as db:
        return [tuple(row) for row in await db.execute(sa.select(*columns).order_by(columns[0]))]
