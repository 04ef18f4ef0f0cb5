"""What the program gives the endpoints: the database, the commands, and who may see what."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.node_queries import Asking
from app.api.payment_waiter import PaymentWaiter
from app.api.qr import Painter
from app.api.streams import EventSignal
from app.audit import AuditReport
from app.db import Db
from app.db import reads as reading_engine
from app.domain import accounts, blocks, escrows, holds, invoices, ledger, payments, transfers
from app.domain.accounts import closing
from app.domain.commands import Command
from app.domain.dogecoin import Network
from app.domain.escrows import locking
from app.domain.payments import PayOrder, requesting, voiding
from app.domain.transfers import Transfer, atomic, making
from app.domain.webhooks import DeliveryCommands, EndpointCommands
from app.group_commit import GroupCommit
from app.runtime.loop import ProcessHealth
from app.runtime.shared_runs import SharedRun


@dataclass(frozen=True, slots=True)
class Program:
    """Shared by all requests. `reads` answers single statements, each on its own; `commits` runs the commands."""

    network: Network
    engine: AsyncEngine
    reads: AsyncEngine
    commits: GroupCommit
    put_account: Command[accounts.AccountOrder, accounts.Account]
    close_account: Command[str, accounts.Account]
    create_asset: Command[ledger.NewAsset, ledger.Asset]
    create_invoice: Command[invoices.InvoiceOrder, invoices.Invoice]
    rescan: Command[blocks.Rescan, int]
    void_payment: Command[payments.VoidOrder, payments.Payment]
    asking: Asking
    paytx_minutes: int
    request_payment: Command[PayOrder, payments.Payment]
    give_address: Command[accounts.Wanted, str]
    cancel_invoice: Command[invoices.CancelOrder, invoices.Invoice]
    transfer: Command[transfers.TransferOrder, Transfer]
    trade: Command[Sequence[transfers.TransferOrder], transfers.Trade]
    reverse: Command[transfers.ReversalOrder, Transfer]
    platform: str
    settle_invoice: Command[invoices.PayFromOrder, Transfer]
    settle_on_chain: Command[invoices.PayFromOrder, payments.Payment]
    refund_to_account: Command[invoices.Refund, Transfer]
    refund_to_address: Command[invoices.Refund, payments.Payment]
    place_hold: Command[holds.NewHold, holds.Hold]
    release_hold: Command[holds.Release, holds.Hold]
    capture_hold: Command[holds.Capture, holds.Hold]
    lock_escrow: Command[escrows.NewEscrow, escrows.Escrow]
    end_escrow: Command[escrows.End, escrows.Escrow]
    open_items: bool
    pay_wait_seconds: float
    waiter: PaymentWaiter
    health: ProcessHealth
    event_signal: EventSignal
    webhooks: EndpointCommands = field(default_factory=EndpointCommands)
    deliveries: DeliveryCommands = field(default_factory=DeliveryCommands)
    audits: SharedRun[AuditReport] = field(default_factory=SharedRun)
    """An audit reads everything there is."""
    painter: Painter = field(default_factory=Painter)

    def for_payers(self, engine: AsyncEngine) -> "Program":
        """The same for the public listener, whose connections to the database are its own: nobody outside takes ours."""
        return replace(self, engine=engine, reads=reading_engine(engine))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How invoices are made and shown.

    `confirmations` is the default, `token` makes an unguessable word, `open_items` shows an invoice's items to whoever
    knows its address; `pay_wait_seconds` is how long a payment's caller is kept waiting for the transaction.
    `health` are those of this process's loops; `asking` asks the node. After `paytx_minutes` an unseen transaction is cancelled.
    `platform` is the foreign_id of the account that takes the platform's own money.
    """

    confirmations: int
    token: Callable[[], str]
    open_items: bool = False
    pay_wait_seconds: float = 10
    health: ProcessHealth = field(default_factory=ProcessHealth)
    asking: Asking = field(default_factory=Asking)
    paytx_minutes: int = 60
    platform: str = "platform"


def of(network: Network, engine: AsyncEngine, commits: GroupCommit, terms: Terms) -> Program:
    """Put together what both applications share; once a program, since a command's requests wait by its identity."""
    reads = reading_engine(engine)
    return Program(
        network=network,
        engine=engine,
        reads=reads,
        commits=commits,
        put_account=transfers.putting(network),
        close_account=closing.closing(terms.platform),
        create_asset=ledger.creating(),
        create_invoice=invoices.creating(network, terms.confirmations, terms.token),
        rescan=blocks.rescanning(),
        void_payment=voiding.voiding(),
        asking=terms.asking,
        paytx_minutes=terms.paytx_minutes,
        request_payment=requesting.requesting(),
        give_address=accounts.giving(network),
        cancel_invoice=invoices.cancelling(network),
        transfer=making.making(network),
        reverse=transfers.reversing(),
        platform=terms.platform,
        trade=atomic.making(),
        settle_invoice=invoices.settling(network),
        settle_on_chain=invoices.settling_on_chain(network),
        refund_to_account=invoices.to_accounts(network),
        refund_to_address=invoices.to_addresses(network),
        place_hold=holds.placing(),
        release_hold=holds.releasing(),
        capture_hold=holds.capturing(),
        lock_escrow=locking.locking(),
        end_escrow=escrows.ending(network, terms.platform),
        open_items=terms.open_items,
        pay_wait_seconds=terms.pay_wait_seconds,
        waiter=PaymentWaiter(reads),
        health=terms.health,
        event_signal=EventSignal(reads),
    )


async def _of_request(request: Request) -> Program:
    program: Program = request.app.state.program
    return program


async def _reading(request: Request) -> AsyncIterator[Db]:
    async with request.app.state.program.reads.connect() as db:
        yield db


Given = Annotated[Program, Depends(_of_request)]

Reading = Annotated[Db, Depends(_reading, scope="function")]
"""A connection for reading; it is returned before the answer is sent, so that a slow caller holds none."""
