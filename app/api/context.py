"""What the program gives the endpoints: the database, the commits, and what else requests share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.access.key_ring import KeyRing
from app.api.cells.event_signal import EventSignal
from app.api.checkout.branding import Branding
from app.api.client_limits import Rate, per_hour
from app.api.invoice_watch import InvoiceWatch
from app.api.node_queries import NodeQueries
from app.api.payment_waiter import PaymentWaiter
from app.api.qr import Painter
from app.api.relay import Relay
from app.api.submission_waiter import SubmissionWaiter
from app.audit import AuditReport
from app.batching.group_commit import GroupCommit
from app.batching.group_read import GroupRead
from app.db import Db, readers
from app.db import reads as reading_engine
from app.domain.commands import Command
from app.domain.dogecoin import Network
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape
from app.runtime.loop import ProcessHealth, WakeUp
from app.runtime.shared_runs import SharedRun


@dataclass(frozen=True, slots=True)
class AppContext:
    """Shared by all requests.

    `commits` runs the commands, `queries` answers what many ask at once; `reads` is for other single statements;
    `health` is that of this process's loops. `open_items` shows an invoice's items to all who know its address. Payers reach the public
    listener by `public_url`. `pay_wait_seconds` is how long a payment's caller waits for the transaction. After
    `paytx_minutes` an unseen one is cancelled.
    """

    engine: AsyncEngine
    reads: AsyncEngine
    commits: GroupCommit
    queries: GroupRead
    waiter: PaymentWaiter
    event_signal: EventSignal
    keys: KeyRing
    invoice_watch: InvoiceWatch
    submissions: SubmissionWaiter
    scrape: Scrape
    node_queries: NodeQueries = field(default_factory=NodeQueries)
    relay: Relay = field(default_factory=Relay)
    health: ProcessHealth = field(default_factory=ProcessHealth)
    elsewhere: frozenset[str] = frozenset()
    open_items: bool = False
    public_url: str = "http://127.0.0.1:8082"
    pay_wait_seconds: float = 10
    paytx_minutes: int = 60
    audits: SharedRun[AuditReport] = field(default_factory=SharedRun)
    """An audit reads everything there is."""
    branding: Branding = field(default_factory=Branding)
    openings: Rate = field(default_factory=partial(per_hour, 60))
    """How often one client may open pay links: each time may take an address."""
    painter: Painter = field(default_factory=Painter)
    report_turns: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, 2))
    """Reports read portion by portion; so many portions at once leave connections to others."""

    @property
    def network(self) -> Network:
        """The installation's."""
        return self.commits.installation.network

    async def close(self) -> None:
        """Take no more requests, and answer those that were taken in."""
        await self.commits.close()
        await self.queries.close()
        await self.audits.close()

    def let_go(self) -> None:
        """Let all requests go that wait for something to happen: the program stops."""
        for waiting in (self.event_signal, self.waiter, self.invoice_watch, self.submissions):
            waiting.end()

    def for_payers(
        self, engine: AsyncEngine, wake_up: WakeUp, committed: Callable[[Command[Any, Any]], None]
    ) -> "AppContext":
        """The same for the public listener, with its own database connections: payers take none of ours.

        `committed` is called after each of their transactions, with its command.
        """
        reads = reading_engine(engine)
        return replace(
            self,
            engine=engine,
            reads=reads,
            commits=self.commits.beside(engine, committed),
            queries=GroupRead(readers(engine), self.commits.installation),
            invoice_watch=InvoiceWatch(reads, self.network, wake_up),
            submissions=SubmissionWaiter(reads),
        )


def of(engine: AsyncEngine, commits: GroupCommit) -> AppContext:
    """Put together what both applications share; once a program."""
    reads = reading_engine(engine)
    watch = InvoiceWatch(reads, commits.installation.network)
    waiter, submissions = PaymentWaiter(reads), SubmissionWaiter(reads)
    keys, scrape = KeyRing(reads, engine), Scrape(ProcessMetrics(), reads)
    signal, queries = EventSignal(reads), GroupRead(readers(engine), commits.installation)
    return AppContext(engine, reads, commits, queries, waiter, signal, keys, watch, submissions, scrape)


async def of_request(request: Request) -> AppContext:
    """Return what the request shares with others: in the only cell, or in that which its path is about."""
    state = request.app.state
    context: AppContext = state.context or await state.cells.of_request(request)
    return context


async def _commits(request: Request) -> GroupCommit:
    return (await of_request(request)).commits


async def _queries(request: Request) -> GroupRead:
    return (await of_request(request)).queries


async def _reading(request: Request) -> AsyncIterator[Db]:
    async with (await of_request(request)).reads.connect() as db:
        yield db


Context = Annotated[AppContext, Depends(of_request)]

Commits = Annotated[GroupCommit, Depends(_commits)]
"""Carries a command out: `await commits.submit(invoices.CREATE, order, key)`."""

Queries = Annotated[GroupRead, Depends(_queries)]
"""Answers a query together with those who ask it at the same time: `await queries.fetch(ledger.BALANCE, name)`."""

Reading = Annotated[Db, Depends(_reading, scope="function")]
"""A connection for reading; it is returned before the answer is sent, so that a slow caller holds none."""
