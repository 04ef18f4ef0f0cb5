"""The loops of each role: `follow` follows the chain, `send` signs and sends, `relay` tells events."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cells import Cell
from app.chain import key_pool, keys, mempool, restore_check
from app.chain.abandoned_payments import AbandonedPayments
from app.chain.block_reader import UnreadableBlock
from app.chain.follower import Follower, FollowerTerms, WrongChain
from app.chain.key_pool import KeyPool
from app.chain.mempool import Mempool
from app.chain.node import Node
from app.chain.reorgs import ReorgTooDeep
from app.chain.rpc import NodeError, NodeTrouble
from app.chain.seed_claim import OtherSeed
from app.chain.seed_file import ALL, PassphraseMissing, SeedFileMissing, SeedRefused
from app.chain.sender import Sender
from app.chain.sent_marker import DatabaseBehind, NotRemembered, SentMarker, sent_file
from app.chain.signer import Signer
from app.chain.wallet_transactions import WalletTransactions
from app.config import own_addresses
from app.config.settings import Settings
from app.db.all_cells import AllCells
from app.domain import dogecoin, dogeconnect, holds, outbox
from app.domain.blocks import BeforeTheStart, LedgerMismatch, Rules
from app.domain.commands import Command
from app.domain.dogecoin import Network
from app.domain.webhooks import Callback
from app.events import address_filter, webhooks
from app.events.address_filter import Guard
from app.events.http_post import Poster
from app.events.sequencer import Sequencer
from app.events.sequencer import prepare as prepare_sequencer
from app.events.sink_runner import Sink, SinkRunner
from app.runtime.lease import Lease, Leases
from app.runtime.loop import Errors, Loop, WakeUp
from app.runtime.notices import QUIET_SECONDS, Connect, Notices, NotifyConnection
from app.workers import audits, clocks, cold_storage, questions, rate_rounds, sinks
from app.workers.clocks import InvoiceExpiry, Payouts, Sealing, Step
from app.workers.cold_storage import ColdStorage
from app.workers.once import Once

DATABASE_TROUBLE: Final = (exc.DBAPIError, exc.TimeoutError, OSError)
CHAIN_TROUBLE: Final = (*DATABASE_TROUBLE, NodeTrouble, NodeError)
NO_SEED: Final = (PassphraseMissing, SeedFileMissing, OtherSeed)
"""With one of these a process signs nothing, and does everything else."""
NO_REPETITION_MENDS: Final = (UnreadableBlock, WrongChain, ReorgTooDeep, BeforeTheStart, LedgerMismatch)
POOL_SECONDS: Final = 5.0
"""Half a pool of keys lasts longer."""
MAIN_LOOPS: Final = {"follow": "follow", "relay": "sequencer"}
"""By role the loop without which an installation is not ready; that `send` is missing may be meant: it needs the seed."""
SINK_SECONDS: Final = 1.0
"""How late a sink that failed before may be tried again."""
IDLE_SECONDS: Final = 30.0
"""How long a loop without a lease sleeps where `due` sees no work for it, and nobody tells it of any."""
PAYOUT_SECONDS: Final = 5.0
TIDY_SECONDS: Final = 60.0
SEAL_SECONDS: Final = 5.0
_NOTICES: Final[Mapping[Command[Any, Any], str]] = {dogeconnect.SUBMIT: "submitted"}
"""The notice of each command that writes no events."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the roles share in a cell: its database, the node, this process's leases, and what wakes the loops.

    Where there is one cell, it is all of the installation. `once` has what the cells of a process share.
    """

    settings: Settings
    engine: AsyncEngine
    node: Node
    leases: Leases
    notices: Notices
    once: Once
    cell: Cell = ALL

    @classmethod
    def of(
        cls, settings: Settings, engine: AsyncEngine, node: Node, leases: Leases, connect: Connect | None
    ) -> Self:
        """Share these in an installation with one cell; `connect` opens the connection of the notices."""
        notices = Notices(NotifyConnection(connect), leases.holds)
        return cls(settings, engine, node, leases, notices, Once(settings, node, AllCells.of_one(engine)))

    def performed(self, command: Command[Any, Any]) -> None:
        """Wake the loops that have work after requests of the command were committed."""
        self.notices.wake(_NOTICES.get(command, "requested" if command.pays else "committed"))

    def wake_up(self, loop: str) -> WakeUp:
        """Return the wake-up of a loop, of which a process has one."""
        return self.notices.wake_up(loop)

    def lease(self, name: str) -> Lease:
        """Return the lease of the loop `name`, which wakes it when it has become ours."""
        return self.leases.lease(name, partial(self.notices.wake_loop, name))

    def telling(self, notice: str) -> Callable[[], None]:
        """Return a function that gives the notice."""
        return partial(self.notices.wake, notice)


def done_elsewhere(roles: Collection[str]) -> frozenset[str]:
    """Return the loops that must run in other processes, where this one has only such roles."""
    return frozenset(loop for role, loop in MAIN_LOOPS.items() if role not in roles)


async def follow(stack: AsyncExitStack, shared: Shared) -> list[Loop]:
    """Return the follower, and the watch over the mempool with a connection to the node of its own."""
    settings = shared.settings
    rules = Rules(
        dogecoin.network_by_name(settings.network), settings.confirmations, settings.max_reorg_blocks
    )
    followed, told = shared.telling("followed"), shared.telling("committed")
    number = partial(outbox.sequence_few, stride=shared.cell.cells)
    terms = FollowerTerms(shared.once.block_fetch(stack), number, shared.telling("followed_numbered"))
    follower = Follower(shared.engine, shared.node, rules, shared.lease("follow"), followed, terms)
    stack.push_async_callback(follower.close)
    reader = await shared.once.mempool_reader(stack)
    watch = Mempool(shared.engine, reader, rules, shared.lease("mempool"), told)
    stack.push_async_callback(watch.close)
    every, errors = settings.poll_seconds, (CHAIN_TROUBLE, NO_REPETITION_MENDS)
    return [
        Loop("follow", follower.step, shared.wake_up("follow"), every, *errors, waits_for=follower.waits_for),
        Loop("mempool", mempool.paced(watch.step), shared.wake_up("mempool"), every, *errors),
    ]


async def send(stack: AsyncExitStack, shared: Shared) -> list[Loop]:
    """Return the sender and the clocks; without the seed a loop that says so in place of the sender."""
    engine, settings = shared.engine, shared.settings
    network = dogecoin.network_by_name(settings.network)
    requested, committed = shared.telling("requested"), shared.telling("committed")
    abandoned = AbandonedPayments(engine, shared.node, requested)
    expire_invoices = clocks.in_batches(engine, InvoiceExpiry().expire, committed)
    expire_holds = clocks.in_batches(engine, holds.expire, committed)
    stored = ColdStorage(engine, cold_storage.terms_of(settings, shared.cell.cells), requested)
    submitted = WalletTransactions(engine, shared.node, shared.telling("answered"))
    timed = [
        _woken(shared, "dogeconnect", submitted.step, CHAIN_TROUBLE),
        _woken(shared, "abandoned", abandoned.step, CHAIN_TROUBLE),
        _clock("cold", stored.step, cold_storage.SECONDS),
        _clock("payouts", Payouts(engine, network, requested).step, PAYOUT_SECONDS),
        _woken(
            shared, "expiry", expire_invoices, seconds=QUIET_SECONDS
        ),  # it watches how long the tip stands
        _woken(shared, "holds", expire_holds),
    ]
    try:
        signing = await _signing(stack, shared, network)
    except NO_SEED as refusal:
        if _marker_path(shared).exists():  # otherwise this process has never sent, and knows nothing
            await _compare(shared)
        signing = [Loop("send", partial(_stopped_by, refusal), WakeUp(), QUIET_SECONDS, (), NO_SEED)]
    return [*signing, *timed]


def _clock(name: str, step: Step, seconds: float, survives: Errors = DATABASE_TROUBLE) -> Loop:
    """Return a loop that only the time wakes."""
    return Loop(name, step, WakeUp(), seconds, survives)


def _woken(
    shared: Shared, name: str, step: Step, survives: Errors = DATABASE_TROUBLE, seconds: float = IDLE_SECONDS
) -> Loop:
    """Return a loop that sleeps until it is told of work, or until `due` sees some."""
    return Loop(name, step, shared.wake_up(name), seconds, survives)


async def _stopped_by(refusal: SeedRefused) -> bool:
    raise refusal


async def _signing(stack: AsyncExitStack, shared: Shared, network: Network) -> list[Loop]:
    """Open the seed, or make it at the first start; return the key pool and the sender, which need it."""
    keyring = await shared.once.keyring(shared.engine)
    await _compare(shared)
    pool = _key_pool(shared, network, keyring)
    stack.push_async_callback(pool.close)
    await pool.step()  # the first accounts can be opened with the first request
    signer = Signer(network, keyring, SentMarker(_marker_path(shared)))
    sender = Sender(shared.engine, shared.node, signer, shared.lease("send"), shared.telling("sent"))
    stack.push_async_callback(sender.close)
    return [
        Loop("keys", pool.step, WakeUp(), POOL_SECONDS, DATABASE_TROUBLE, (OtherSeed,)),
        Loop("send", sender.step, shared.wake_up("send"), QUIET_SECONDS, CHAIN_TROUBLE, (DatabaseBehind,)),
    ]


def _key_pool(shared: Shared, network: Network, keyring: keys.Keyring) -> KeyPool:
    ready = max(2 * key_pool.CHUNK, key_pool.READY // shared.cell.cells)
    seed = (shared.once.seed_file, keyring)
    return KeyPool(shared.engine, network, seed, shared.lease("keys"), ready, shared.cell)


def _marker_path(shared: Shared) -> Path:
    return shared.settings.home / sent_file(shared.cell)


async def _compare(shared: Shared) -> None:
    """Note whether the database is behind before an address is given out. The sender reports it later."""
    if await shared.leases.once("send"):
        with suppress(DatabaseBehind, NotRemembered):
            await restore_check.compare(shared.engine, SentMarker(_marker_path(shared)))


async def relay(stack: AsyncExitStack, shared: Shared) -> list[Loop]:
    """Return the sequencer, the webhooks and the sinks, the sealing, the clean-up, and who asks for rates."""
    settings = shared.settings
    callbacks = [
        Callback(
            name=name,
            url=callback.path,
            types=callback.types,
            secret=callback.hmacsecret or "",
            legacy_base64_message=callback.legacy_base64_message,
            foreign_id=callback.foreign_id,
            description=callback.description,
        )
        for name, callback in settings.callbacks.items()
    ]
    all_sinks = sinks.of(settings, shared.cell)
    first_cell = shared.once.first_cell if shared.cell.number else None
    await prepare_sequencer(shared.engine, callbacks, all_sinks, first_cell)
    rate_steps = await _rates(stack, shared)
    hooks = shared.wake_up("webhooks")
    sequencer = Sequencer(
        shared.engine, shared.lease("sequencer"), shared.telling("numbered"), stride=shared.cell.cells
    )
    stack.push_async_callback(sequencer.close)
    audit_steps = await _auditing(stack, shared)
    age = timedelta(days=settings.event_retention_days)
    rate_age = timedelta(days=settings.rate_retention_days)
    names = [sink.name for sink in all_sinks]
    tidy = clocks.tidying(shared.engine, age, names, rate_age, of_all_cells=shared.cell.number == 0)
    return [
        Loop("sequencer", sequencer.step, shared.wake_up("sequencer"), QUIET_SECONDS, DATABASE_TROUBLE),
        Loop("webhooks", _webhooks(stack, shared, hooks), hooks, IDLE_SECONDS, DATABASE_TROUBLE),
        _clock("seals", _sealing(stack, shared), SEAL_SECONDS),
        _clock("tidy", tidy, TIDY_SECONDS),
        *(_clock("audit", step, audits.STEP_SECONDS) for step in audit_steps),
        *(_clock("rates", step, rate_rounds.SECONDS) for step in rate_steps),
        *(_sink(stack, shared, sink) for sink in all_sinks),
    ]


async def _rates(stack: AsyncExitStack, shared: Shared) -> list[Step]:
    """Return the step that asks for rates, which all cells share: the first one asks."""
    if shared.cell.number:
        return []
    return await rate_rounds.steps(stack, shared.settings, shared.engine, shared.lease("rates"))


def _sink(stack: AsyncExitStack, shared: Shared, sink: Sink) -> Loop:
    wake_up = shared.notices.wake_up("sinks")
    runner = SinkRunner(shared.engine, sink, shared.leases.lease(sink.name, wake_up.wake))
    stack.push_async_callback(runner.close)
    return Loop(sink.name, runner.step, wake_up, SINK_SECONDS, DATABASE_TROUBLE, waits_for=runner.trouble)


def _webhooks(stack: AsyncExitStack, shared: Shared, wake_up: WakeUp) -> Step:
    threads = shared.once.resolvers(stack)
    guard = Guard(shared.settings.webhook_allow_private, own_addresses.of(shared.settings))
    poster = Poster(address_filter.resolver(threads), guard=guard)
    stack.callback(poster.close)
    terms = webhooks.WebhookTerms(shared.settings.webhook_retries, stride=shared.cell.cells)
    hooks = webhooks.Webhooks(shared.engine, poster, terms, wake_up)
    stack.push_async_callback(hooks.close)
    return hooks.step


def _sealing(stack: AsyncExitStack, shared: Shared) -> Step:
    sealing = Sealing(shared.engine, shared.lease("seals"))
    stack.push_async_callback(sealing.close)
    return sealing.step


async def _auditing(stack: AsyncExitStack, shared: Shared) -> list[Step]:
    """Return the step of the audits, with a connection to the node of its own; none where there are to be no audits."""
    if not shared.settings.audit_every:
        return []
    node = await shared.once.audits_node(stack)
    running = audits.Audits(
        shared.engine,
        questions.coins_of(node),
        shared.lease("audit"),
        shared.settings.audit_every,
        among=(shared.once.all_cells, shared.cell.number),
    )
    stack.push_async_callback(running.close)
    return [running.step]
