"""The loops of each role: `follow` keeps up with the chain, `send` holds the seed, `relay` tells what happened."""

from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import restore_check, seed_claim
from app.chain.abandoned_payments import AbandonedPayments
from app.chain.block_reader import UnreadableBlock
from app.chain.follower import Follower, WrongChain
from app.chain.key_pool import KeyPool
from app.chain.node import Node
from app.chain.reorgs import ReorgTooDeep
from app.chain.rpc import NodeError, NodeTrouble
from app.chain.seed_claim import OtherSeed
from app.chain.seed_file import PassphraseMissing, SeedFile, SeedFileMissing, SeedRefused
from app.chain.sender import Sender
from app.chain.sent_marker import SENT_FILE, DatabaseBehind, NotRemembered, SentMarker
from app.chain.signer import Signer
from app.config import own_addresses
from app.config.settings import Settings
from app.domain import dogecoin, idempotency
from app.domain.blocks import BeforeTheStart, BooksDisagree, Rules
from app.domain.commands import Command
from app.domain.dogecoin import Network
from app.domain.webhooks import Callback, retention
from app.events import address_filter, webhooks
from app.events.address_filter import Guard
from app.events.http_post import Poster
from app.events.sequencer import Sequencer
from app.events.sequencer import prepare as prepare_sequencer
from app.events.sink_runner import Sink, SinkRunner
from app.runtime.lease import Lease
from app.runtime.loop import Loop, WakeUp
from app.workers import sinks
from app.workers.clocks import Expiry, HoldExpiry, Payouts, Sealing

DATABASE_TROUBLE: Final = (exc.DBAPIError, exc.TimeoutError, OSError)
CHAIN_TROUBLE: Final = (*DATABASE_TROUBLE, NodeTrouble, NodeError)
NO_SEED: Final = (PassphraseMissing, SeedFileMissing, OtherSeed)
"""Why a process signs nothing, and does all else."""
NO_REPETITION_MENDS: Final = (UnreadableBlock, WrongChain, ReorgTooDeep, BeforeTheStart, BooksDisagree)
POOL_SECONDS: Final = 5.0
SEND_SECONDS: Final = 0.2
EXPIRY_SECONDS: Final = 1.0
PAYOUT_SECONDS: Final = 5.0
TIDY_SECONDS: Final = 60.0
SEAL_SECONDS: Final = 5.0
RELAY_SECONDS: Final = 0.2
"""How often is looked for what another process wrote; what this one wrote wakes the loop."""
RESOLVERS: Final = 32
"""Threads that look names up: those of dead hosts take their time."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the roles share: the settings, the database, the node, and the bells between the loops.

    `holder` names this process in leases.
    """

    settings: Settings
    engine: AsyncEngine
    node: Node
    holder: str
    follow: WakeUp = field(default_factory=WakeUp)
    relay: WakeUp = field(default_factory=WakeUp)
    send: WakeUp = field(default_factory=WakeUp)
    streams: WakeUp = field(default_factory=WakeUp)
    payments: WakeUp = field(default_factory=WakeUp)

    def committed(self) -> None:
        """Wake whoever may have something to do after payments were asked for, changed or called off."""
        self.relay.wake()
        self.send.wake()

    def performed(self, command: Command[Any, Any]) -> None:
        """Wake whoever may have something to do after requests were committed: not the sender for what pays nobody."""
        if command.pays:
            self.committed()
        else:
            self.relay.wake()

    def sent(self) -> None:
        """Wake whoever waits for payments to be signed or sent."""
        self.relay.wake()
        self.payments.wake()

    def lease(self, name: str) -> Lease:
        """Return this process's hand on the lease `name`."""
        return Lease(self.engine, name, self.holder)


async def follow(stack: AsyncExitStack, shared: Shared) -> list[Loop]:
    """Return the follower."""
    settings = shared.settings
    rules = Rules(
        dogecoin.network_by_name(settings.network), settings.confirmations, settings.max_reorg_blocks
    )
    follower = Follower(shared.engine, shared.node, rules, shared.lease("follow"), shared.relay.wake)
    stack.push_async_callback(follower.close)
    every = settings.poll_seconds
    errors = CHAIN_TROUBLE, NO_REPETITION_MENDS
    return [Loop("follow", follower.step, shared.follow, every, *errors, waits_for=follower.waits_for)]


async def send(stack: AsyncExitStack, shared: Shared) -> list[Loop]:
    """Return what signs and sends, and the clocks; without the seed only these, and why the rest stands still."""
    settings, network = shared.settings, dogecoin.network_by_name(shared.settings.network)
    paying_out = Payouts(shared.engine, network, shared.committed)
    abandoned = AbandonedPayments(shared.engine, shared.node, shared.committed)
    clocks = [
        Loop("abandoned", abandoned.step, WakeUp(), EXPIRY_SECONDS, CHAIN_TROUBLE),
        Loop("payouts", paying_out.step, WakeUp(), PAYOUT_SECONDS, DATABASE_TROUBLE),
        Loop(
            "expiry",
            Expiry(shared.engine, shared.relay.wake).step,
            WakeUp(),
            EXPIRY_SECONDS,
            DATABASE_TROUBLE,
        ),
        Loop(
            "holds",
            HoldExpiry(shared.engine, shared.relay.wake).step,
            WakeUp(),
            EXPIRY_SECONDS,
            DATABASE_TROUBLE,
        ),
    ]
    try:
        signing = await _signing(stack, shared, network)
    except NO_SEED as refusal:
        if (settings.home / SENT_FILE).exists():  # otherwise this process has never sent, and knows nothing
            await _compare(shared)
        signing = [Loop("send", partial(_stopped_by, refusal), WakeUp(), SEND_SECONDS, (), NO_SEED)]
    return [*signing, *clocks]


async def _stopped_by(refusal: SeedRefused) -> bool:
    raise refusal


async def _signing(stack: AsyncExitStack, shared: Shared, network: Network) -> list[Loop]:
    """Open the seed, or make it on the very first start, and return what keeps account keys ready, and the sender."""
    settings = shared.settings
    if settings.seed_passphrase is None and network != dogecoin.REGTEST:
        raise PassphraseMissing(
            "KENNEL_SEED_PASSPHRASE is not set: nothing is signed, and no keys for new accounts are made, until Kennel is "
            "started with it"
        )
    seed_file = SeedFile(settings.home / "seed.json", network)
    passphrase = settings.seed_passphrase or ""
    keyring = await seed_claim.open_or_create(
        shared.engine, seed_file, passphrase, partial(_birth_height, shared.node)
    )
    await _compare(shared)
    pool = KeyPool(shared.engine, network, (seed_file, keyring), shared.lease("keys"))
    stack.push_async_callback(pool.close)
    await pool.step()  # the first accounts can be opened with the first request
    signer = Signer(network, keyring, SentMarker(settings.home / SENT_FILE))
    sender = Sender(shared.engine, shared.node, signer, shared.lease("send"), shared.sent)
    stack.push_async_callback(sender.close)
    return [
        Loop("keys", pool.step, WakeUp(), POOL_SECONDS, DATABASE_TROUBLE, (OtherSeed,)),
        Loop("send", sender.step, shared.send, SEND_SECONDS, CHAIN_TROUBLE, (DatabaseBehind,)),
    ]


async def _compare(shared: Shared) -> None:
    """Know whether the database is behind before the first address is given out; the sender says it where it stands."""
    if await shared.lease("send").held():
        with suppress(DatabaseBehind, NotRemembered):
            await restore_check.compare(shared.engine, SentMarker(shared.settings.home / SENT_FILE))


async def relaying(stack: AsyncExitStack, shared: Shared) -> list[Loop]:
    """Return what numbers events, what tells them, and what forgets old keys."""
    settings = shared.settings
    callbacks = [
        Callback(
            name=one.name,
            url=one.path,
            types=one.types,
            secret=one.hmacsecret or "",
            legacy_base64_message=one.legacy_base64_message,
            foreign_id=one.foreign_id,
            description=one.description,
        )
        for one in settings.callbacks
    ]
    told = sinks.of(settings)
    await prepare_sequencer(shared.engine, callbacks, told)
    hooks, wake_ups = WakeUp(), [WakeUp() for _ in told]
    sequencer = Sequencer(shared.engine, shared.holder, partial(_ring, hooks, *wake_ups, shared.streams))
    stack.push_async_callback(sequencer.close)
    loops = [
        Loop("sequencer", sequencer.step, shared.relay, RELAY_SECONDS, DATABASE_TROUBLE),
        Loop("webhooks", _webhooks(stack, shared, hooks), hooks, RELAY_SECONDS, DATABASE_TROUBLE),
        Loop("seals", _sealing(stack, shared), WakeUp(), SEAL_SECONDS, DATABASE_TROUBLE),
        Loop("tidy", _tidy(shared, [sink.name for sink in told]), WakeUp(), TIDY_SECONDS, DATABASE_TROUBLE),
    ]
    return [
        *loops,
        *(_telling(stack, shared, sink, wake_up) for sink, wake_up in zip(told, wake_ups, strict=True)),
    ]


def _telling(stack: AsyncExitStack, shared: Shared, sink: Sink, wake_up: WakeUp) -> Loop:
    telling = SinkRunner(shared.engine, sink, shared.holder)
    stack.push_async_callback(telling.close)
    return Loop(sink.name, telling.step, wake_up, RELAY_SECONDS, DATABASE_TROUBLE, waits_for=telling.trouble)


def _webhooks(stack: AsyncExitStack, shared: Shared, wake_up: WakeUp) -> Callable[[], Awaitable[bool]]:
    threads = stack.enter_context(ThreadPoolExecutor(RESOLVERS, "resolver"))
    guard = Guard(shared.settings.webhook_allow_private, own_addresses.of(shared.settings))
    poster = Poster(address_filter.resolver(threads), guard=guard)
    stack.callback(poster.close)
    hooks = webhooks.Webhooks(
        shared.engine, poster, webhooks.WebhookTerms(shared.settings.webhook_retries), wake_up
    )
    stack.push_async_callback(hooks.close)
    return hooks.step


def _sealing(stack: AsyncExitStack, shared: Shared) -> Callable[[], Awaitable[bool]]:
    sealing = Sealing(shared.engine, shared.lease("seals"))
    stack.push_async_callback(sealing.close)
    return sealing.step


def _ring(*wake_ups: WakeUp) -> None:
    for wake_up in wake_ups:
        wake_up.wake()


def _tidy(shared: Shared, places: Sequence[str]) -> Callable[[], Awaitable[bool]]:
    """Forget old keys, and old events that were told in all `places`."""
    age = timedelta(days=shared.settings.event_retention_days)

    async def step() -> bool:
        async with shared.engine.begin() as db:
            moved = await idempotency.forget_old(db) > 0
            moved = await retention.sweep(db) or moved
        if not age:
            return moved
        async with shared.engine.begin() as db:
            return await retention.delete_expired(db, age, await retention.told_up_to(db, places)) or moved

    return step


async def _birth_height(node: Node) -> int | None:
    """Return the tip's height, or None where the node does not answer: then a recovery begins at the first block."""
    try:
        return (await node.chain_state()).height
    except (NodeTrouble, NodeError):
        return None
