"""What the endpoints are given by the program: the database, the verbs, and who may see what."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db as bulk
from app.api.asking import Asking
from app.api.payment_waiter import PaymentWaiter
from app.api.qr import Painter
from app.api.streams import Tide
from app.audit import Report
from app.db import Db
from app.domain import (
    accounts,
    assets,
    blocks,
    cancelling,
    closures,
    deposit_addresses,
    escrow_ends,
    escrow_locks,
    escrows,
    hold_ends,
    holds,
    invoices,
    openings,
    payments,
    refunds,
    reversals,
    settlements,
    trades,
    transfer_orders,
    voids,
)
from app.domain.delivery_lists import DeliveryVerbs
from app.domain.endpoint_changes import EndpointVerbs
from app.domain.networks import Network
from app.domain.pay_orders import PayOrder
from app.domain.transfers import Transfer
from app.domain.verbs import Verb
from app.group_commit import GroupCommit
from app.loops import Vitals
from app.shared_runs import SharedRun


@dataclass(frozen=True, slots=True)
class Program:
    """Shared by all requests. `reads` answers single statements, each on its own; `commits` runs the verbs."""

    network: Network
    engine: AsyncEngine
    reads: AsyncEngine
    commits: GroupCommit
    put_account: Verb[accounts.Wish, accounts.Account]
    close_account: Verb[str, accounts.Account]
    create_asset: Verb[assets.NewAsset, assets.Asset]
    create_invoice: Verb[invoices.Order, invoices.Invoice]
    rescan: Verb[blocks.Rescan, int]
    void_payment: Verb[voids.Wish, payments.Payment]
    asking: Asking
    paytx_minutes: int
    request_payment: Verb[PayOrder, payments.Payment]
    give_address: Verb[deposit_addresses.Wanted, str]
    cancel_invoice: Verb[cancelling.Wish, invoices.Invoice]
    transfer: Verb[transfer_orders.Order, Transfer]
    trade: Verb[Sequence[transfer_orders.Order], trades.Trade]
    reverse: Verb[reversals.Wish, Transfer]
    platform: str
    settle_invoice: Verb[settlements.Wish, Transfer]
    settle_on_chain: Verb[settlements.Wish, payments.Payment]
    refund_to_account: Verb[refunds.Refund, Transfer]
    refund_to_address: Verb[refunds.Refund, payments.Payment]
    place_hold: Verb[holds.NewHold, holds.Hold]
    release_hold: Verb[hold_ends.Release, holds.Hold]
    capture_hold: Verb[hold_ends.Capture, holds.Hold]
    lock_escrow: Verb[escrow_locks.NewEscrow, escrows.Escrow]
    end_escrow: Verb[escrow_ends.End, escrows.Escrow]
    webhooks: EndpointVerbs
    deliveries: DeliveryVerbs
    open_items: bool
    pay_wait_seconds: float
    waiter: PaymentWaiter
    vitals: Vitals
    tide: Tide
    audits: SharedRun[Report]
    """An audit reads everything there is."""
    painter: Painter

    def for_payers(self, engine: AsyncEngine) -> "Program":
        """The same for the public listener, whose connections to the database are its own: nobody outside takes ours."""
        return replace(self, engine=engine, reads=bulk.reads(engine))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How invoices are made and shown.

    `confirmations` is the default, `token` makes an unguessable word, `open_items` shows an invoice's items to whoever
    knows its address; `pay_wait_seconds` is how long a payment's caller is kept waiting for the transaction.
    `vitals` are those of this process's loops; `asking` asks the node. After `paytx_minutes` an unseen transaction is cancelled.
    `platform` is the foreign_id of the account that takes the platform's own money.
    """

    confirmations: int
    token: Callable[[], str]
    open_items: bool = False
    pay_wait_seconds: float = 10
    vitals: Vitals = field(default_factory=Vitals)
    asking: Asking = field(default_factory=Asking)
    paytx_minutes: int = 60
    platform: str = "platform"


def of(network: Network, engine: AsyncEngine, commits: GroupCommit, terms: Terms) -> Program:
    """Put together what both applications share; once a program, since a verb's requests wait by its identity."""
    reads = bulk.reads(engine)
    return Program(
        network=network,
        engine=engine,
        reads=reads,
        commits=commits,
        put_account=openings.putting(network),
        close_account=closures.closing(terms.platform),
        create_asset=assets.creating(),
        create_invoice=invoices.creating(network, terms.confirmations, terms.token),
        rescan=blocks.rescanning(),
        void_payment=voids.voiding(),
        asking=terms.asking,
        paytx_minutes=terms.paytx_minutes,
        request_payment=payments.requesting(),
        give_address=deposit_addresses.giving(network),
        cancel_invoice=cancelling.cancelling(network),
        transfer=transfer_orders.making(network),
        reverse=reversals.reversing(),
        platform=terms.platform,
        trade=trades.making(),
        settle_invoice=settlements.settling(network),
        settle_on_chain=settlements.settling_on_chain(network),
        refund_to_account=refunds.to_accounts(network),
        refund_to_address=refunds.to_addresses(network),
        place_hold=holds.placing(),
        release_hold=hold_ends.releasing(),
        capture_hold=hold_ends.capturing(),
        lock_escrow=escrow_locks.locking(),
        end_escrow=escrow_ends.ending(network, terms.platform),
        webhooks=EndpointVerbs(),
        deliveries=DeliveryVerbs(),
        open_items=terms.open_items,
        pay_wait_seconds=terms.pay_wait_seconds,
        waiter=PaymentWaiter(reads),
        vitals=terms.vitals,
        tide=Tide(reads),
        audits=SharedRun(),
        painter=Painter(),
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
