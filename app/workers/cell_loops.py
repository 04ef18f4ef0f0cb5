"""The cells of a process: for each the loops of the roles, and what all of them have in common."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

import asyncpg

from app.chain.node import Node
from app.config.settings import Settings
from app.db.all_cells import AllCells
from app.db.database import Database
from app.domain import dogecoin
from app.domain.installation import Installation
from app.metrics.process import ProcessMetrics
from app.runtime.lease import RENEW_SECONDS, Leases
from app.runtime.loop import Loop, WakeUp
from app.runtime.notices import CHANNEL, Notices, NotifyConnection
from app.runtime.sharing import STEP_SECONDS, Sharing
from app.workers import due, hand_overs, parts, roles
from app.workers.hand_overs import HandOvers
from app.workers.once import Once
from app.workers.roles import DATABASE_TROUBLE, Shared

ROLES: Final = {"follow": roles.follow, "send": roles.send, "relay": roles.relay}
CROSSING_CONNECTIONS: Final = 2
"""One for the loop that hands coins over, and one for the audit of what all cells have together."""
NOTICE_TROUBLE: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class Cells:
    """What the roles share in each cell, and the connection by which this process tells others what happened."""

    def __init__(
        self,
        database: Database,
        shareds: Sequence[Shared],
        connection: NotifyConnection,
        sharing: Sharing | None,
    ) -> None:
        self.database = database
        self.shareds = shareds
        self._connection = connection
        self._sharing = sharing

    def wakes(self) -> Mapping[str, Callable[[bytes], object]]:
        """Return whom each announcement of the node wakes. It announces transactions by one topic or both."""

        def wake(notice: str) -> None:
            for shared in self.shareds:
                shared.notices.wake_here(notice)

        return {
            "hashblock": lambda _: wake("block"),
            "hashtx": lambda _: wake("transaction"),
            "rawtx": lambda _: wake("transaction"),
        }

    async def loops(self, stack: AsyncExitStack) -> list[Loop]:
        """Return the loops of this process: its notices, in each cell its leases and its roles, and how cells are shared."""
        stack.push_async_callback(self._connection.close)
        loops = [self._notices(), *self._sharing_out(stack)]
        for shared in self.shareds:
            of_cell = [
                Loop("leases", shared.leases.step, WakeUp(), RENEW_SECONDS, DATABASE_TROUBLE),
                *_due(shared),
            ]
            for role in ROLES.keys() & shared.settings.roles:
                of_cell += await ROLES[role](stack, shared)
            if shared.cell.number == 0:
                of_cell += self._over_cells(stack)
            loops += [replace(loop, name=shared.cell.named(loop.name)) for loop in of_cell]
        return loops

    def _over_cells(self, stack: AsyncExitStack) -> list[Loop]:
        """Return what works in several cells, with a lease in the first: the loop that hands coins over."""
        first, settings = self.shareds[0], self.shareds[0].settings
        if len(self.shareds) == 1 or "send" not in settings.roles:
            return []
        network = dogecoin.network_by_name(settings.network)
        terms = Installation(
            network, settings.confirmations, str, settings.platform_account, settings.quote_minutes
        )

        def handed_over(taker: int) -> None:
            self.shareds[taker].notices.wake("requested")

        installations, lease = [terms] * len(self.shareds), first.lease("coins")
        coins = HandOvers(
            first.once.all_cells.crossing, installations, settings.max_reorg_blocks, lease, handed_over
        )
        stack.push_async_callback(coins.close)
        return [Loop("coins", coins.step, WakeUp(), hand_overs.SECONDS, DATABASE_TROUBLE)]

    def _notices(self) -> Loop:
        connection = self._connection
        return Loop("notices", connection.step, connection.telling, connection.seconds, NOTICE_TROUBLE)

    def _sharing_out(self, stack: AsyncExitStack) -> list[Loop]:
        """Return the loop that shares the cells out; none where there is one cell."""
        if self._sharing is None:
            return []
        stack.push_async_callback(self._sharing.close)
        return [Loop("sharing", self._sharing.step, WakeUp(), STEP_SECONDS, DATABASE_TROUBLE)]


def _due(shared: Shared) -> list[Loop]:
    """Return the loop that looks for work that is due; none where the roles have no such work."""
    look = due.Due(shared.engine, due.work_of(shared.settings.roles), shared.notices.wake_loop)
    return [Loop("due", look.step, WakeUp(), due.SECONDS, DATABASE_TROUBLE)] if look.loops else []


def of(
    stack: AsyncExitStack, settings: Settings, database: Database, process: ProcessMetrics, holder: str
) -> Callable[[Node], Cells]:
    """Open the connections of all cells for the loops, and return what makes the cells of a process with a node."""
    engines = tuple(parts.engine(stack, cell, process, "loops") for cell in database.cells)
    crossing = engines[0]
    if len(engines) > 1:
        crossing = database.crossing_engine(CROSSING_CONNECTIONS)
        stack.push_async_callback(crossing.dispose)
    all_cells = AllCells(engines, crossing)

    def with_node(node: Node) -> Cells:
        connection = NotifyConnection(database.session if database.keeps_sessions else None)
        once = Once(settings, node, all_cells)
        shareds = []
        for cell, engine in zip(database.map, engines, strict=True):
            leases = Leases(engine, holder, process.health, prefix=cell.named(""))
            channel = CHANNEL if cell.cells == 1 else f"{CHANNEL}_{cell.number:03}"
            notices = Notices(connection, leases.holds, channel)
            shareds.append(Shared(settings, engine, node, leases, notices, once, cell))
        return Cells(database, shareds, connection, _sharing(shareds, holder))

    return with_node


def _sharing(shareds: Sequence[Shared], holder: str) -> Sharing | None:
    """Return what shares the cells out among processes; nothing where there is one cell, or no loop of any role."""
    if len(shareds) == 1 or not ROLES.keys() & shareds[0].settings.roles:
        return None
    return Sharing(shareds[0].engine, holder, [shared.leases for shared in shareds])
