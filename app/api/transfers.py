"""Making transfers over HTTP: one or many in a request, credits, and reversals."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import Discriminator, Field, Tag
from starlette.responses import Response

from app.api import errors, fast_route, fields, idempotency_keys, parameters, request_body, responses
from app.api.access.acting import Acting
from app.api.access.callers import Asking, Caller, Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells.routing import Cells, InCells
from app.api.transfer_views import TransferId, TransferView
from app.domain import ledger, transfers
from app.domain.access import Reach
from app.domain.commands import Result, Submitted
from app.domain.idempotency import Claim
from app.domain.transfers import Credit, Payee, ReversalOrder, Transfer, TransferOrder

busy = APIRouter(route_class=fast_route.FastRoute)
router = APIRouter(route_class=GuardedRoute)

MANY: Final = 1_000
"""The most transfers of a request."""
_EXAMPLE: Final[Any] = {
    "from": "alice",
    "to": "bob",
    "asset": "gold_coins",
    "amount": "12.5",
    "reference": "game-7",
}
_SHARES: Final[Any] = [{"account": "bob", "amount": "10"}, {"account": "carol", "amount": "2.5"}]


class _Described(request_body.Body, ABC):
    """The fields that both forms of a transfer have."""

    payer: fields.Name = Field(alias="from")
    asset: fields.Name
    reference_type: fields.Label = ""
    reference: fields.Label = ""
    metadata: fields.Metadata = "{}"

    def require(self, within: Reach, prefix: str = "") -> None:
        """Refuse accounts beyond the caller's reach; `prefix` is that of the fields' names."""
        within.require(self.payer, f"{prefix}from")
        for payee in self.payees():
            within.require(payee.account or "", f"{prefix}{payee.fields[0]}")

    @abstractmethod
    def payees(self) -> tuple[Payee, ...]:
        """Who gets how much."""

    def total(self) -> ledger.RawAmount | None:
        """What all payees get together, where the caller says so."""
        return None

    def order(self, claim: Claim) -> TransferOrder:
        """Return the order of this transfer, whose key in the ledger is that of the request."""
        return TransferOrder(
            f"{claim.scope}:{claim.key}",
            self.payer,
            self.payees(),
            self.asset,
            reference=(self.reference_type, self.reference),
            metadata=self.metadata,
            total=self.total(),
        )


class NewTransfer(_Described):
    """Money from one account to another."""

    model_config = request_body.examples(_EXAMPLE)

    to: fields.Name
    amount: fields.AmountIn

    def payees(self) -> tuple[Payee, ...]:
        """The one payee."""
        return (Payee(self.to, self.amount),)


class NewShare(request_body.Body):
    """What one of several payees gets; an `asset` here must be that of the transfer."""

    account: fields.Name
    amount: fields.AmountIn
    asset: fields.Name | None = None


class NewSplit(_Described):
    """Money from one account to several, all of it or nothing; an `amount` here is what they get together."""

    model_config = request_body.examples({"from": "alice", "to": _SHARES, "asset": "gold_coins"})

    to: Annotated[list[NewShare], Field(min_length=1, max_length=transfers.MAX_PAYEES)]
    amount: fields.AmountIn | None = None

    def payees(self) -> tuple[Payee, ...]:
        """The payees; a refusal names the fields of its payee."""
        return tuple(
            Payee(
                share.account,
                share.amount,
                (f"to.{n}.account", f"to.{n}.amount", f"to.{n}.asset"),
                share.asset,
            )
            for n, share in enumerate(self.to)
        )

    def total(self) -> ledger.RawAmount | None:
        """What they get together."""
        return self.amount


def _form(body: Any) -> str:
    """Tell which form a body has. A form's name begins with "<", so that no refusal takes it for a field."""
    if not isinstance(body, dict):
        return "<one>"
    folded = body
    if not body.keys() <= _USUAL_NAMES:
        folded = {**{name.lower(): value for name, value in body.items()}, **body}
    if folded.get("transfers") is not None:
        return "<many>"
    return "<split>" if isinstance(folded.get("to"), list) else "<one>"


_USUAL_NAMES: Final = frozenset({"from", "to", "asset", "amount", "reference_type", "reference", "metadata"})
"""The fields of one transfer, in the case in which nearly all requests write them."""
One = Annotated[
    Annotated[NewTransfer, Tag("<one>")] | Annotated[NewSplit, Tag("<split>")], Discriminator(_form)
]


class NewTransfers(request_body.Body):
    """Many transfers. Each is made or refused by itself; with `atomic` either all are made or none is."""

    model_config = request_body.examples({"transfers": [_EXAMPLE], "atomic": False})

    transfers: Annotated[list[One], Field(min_length=1, max_length=MANY)]
    atomic: bool = False

    def require(self, within: Reach) -> None:
        """Refuse all of them where one has an account beyond the caller's reach."""
        for number, new in enumerate(self.transfers):
            new.require(within, f"transfers.{number}.")

    def orders(self, claims: Iterable[Claim]) -> list[TransferOrder]:
        """Return the order of each transfer."""
        return [new.order(claim) for new, claim in zip(self.transfers, claims, strict=True)]


Form = Annotated[
    Annotated[NewTransfer, Tag("<one>")]
    | Annotated[NewSplit, Tag("<split>")]
    | Annotated[NewTransfers, Tag("<many>")],
    Discriminator(_form),
]


class Reversal(request_body.Body):
    """How much goes back; without an amount all of it."""

    model_config = request_body.examples({}, {"amount": "2.5"})

    amount: fields.AmountIn | None = None


class NewCredit(request_body.Body):
    """What an account gets from the operator (TOPUP, BONUS), or gives (SPEND)."""

    model_config = request_body.examples({"asset": "gold_coins", "amount": "100", "type": "TOPUP"})

    asset: fields.Name
    amount: fields.AmountIn
    type: Literal["TOPUP", "SPEND", "BONUS"]
    reference_type: fields.Label = ""
    reference: fields.Label = ""
    metadata: fields.Metadata = "{}"

    def order(self, foreign_id: str, claim: Claim, platform: str) -> TransferOrder:
        """Return the order of the transfer."""
        reference = (self.reference_type, self.reference)
        credit = Credit(foreign_id, self.type, self.asset, self.amount, reference, self.metadata)
        return credit.order(f"{claim.scope}:{claim.key}", platform)


class Refused(responses.View):
    """A transfer of many that was not made."""

    error: dict[str, str]


class TransferList(responses.View):
    """What came of many transfers, in their order."""

    items: list[TransferView | Refused]


TransferBody = Annotated[
    NewTransfer | NewSplit | NewTransfers, request_body.of_any(Form, NewTransfer, NewSplit, NewTransfers)
]
ReversalBody = Annotated[Reversal, request_body.optional(Reversal)]
CreditBody = Annotated[NewCredit, request_body.of(NewCredit)]


@busy.post("/transfers", response_model=TransferView | TransferList, summary="Move money between accounts")
async def transfer(
    body: TransferBody, key: idempotency_keys.NamedKey, cells: InCells, within: Within
) -> Response:
    """At once and without a fee: one transfer, or up to 1,000 in `transfers`. `to` may be a list."""
    if within.limited:
        body.require(within)
    if isinstance(body, NewTransfers):
        return await (_all_or_none if body.atomic else _each)(body, key, cells)
    claim = key.whole()
    order = body.order(claim)
    result = await cells.submit(transfers.MAKE, order, claim, _names(order), weight=len(order.payees))
    return responses.show_written(transfers.transfer_json(result.resource), replayed=result.replayed)


async def _each(body: NewTransfers, key: idempotency_keys.Named, cells: Cells) -> Response:
    """Make each transfer under the request's key and its number, so that refused ones may be tried again."""
    claims = key.each("transfers")
    submitted = [Submitted(order, claim) for order, claim in zip(body.orders(claims), claims, strict=True)]
    outcomes = await cells.submit_all(transfers.MAKE, submitted, _names)
    replayed = all(isinstance(outcome, Result) and outcome.replayed for outcome in outcomes)
    return responses.show_all(map(_outcome, outcomes), replayed=replayed)


async def _all_or_none(body: NewTransfers, key: idempotency_keys.Named, cells: Cells) -> Response:
    orders = body.orders(key.each("transfers"))
    weight = sum(len(order.payees) for order in orders)
    names = [name for order in orders for name in _names(order)]
    result = await cells.submit(transfers.MAKE_ATOMIC, orders, key.whole(), names, weight=weight)
    return responses.show_all(map(transfers.transfer_json, result.resource), replayed=result.replayed)


def _names(order: TransferOrder) -> list[str]:
    return [name for name in (order.payer, *(payee.account for payee in order.payees)) if name is not None]


def _outcome(outcome: Result[Transfer] | Exception) -> str:
    if isinstance(outcome, Result):
        return transfers.transfer_json(outcome.resource)
    return responses.fault_text(errors.fault_of(outcome))


@router.post("/transfers/{id}/reverse", response_model=TransferView, summary="Take a transfer back")
async def reverse(
    id: TransferId,
    body: ReversalBody,
    key: idempotency_keys.RequiredKey,
    cells: InCells,
    caller: Asking,
    action: Acting,
) -> Response:
    """Once, in full or in part, as far as the payee has the money; the answer is the transfer back.

    Taking a credit back takes the scope `ledger:issue` too.
    """
    context = cells.of_number(id)
    transfer = await context.queries.fetch(transfers.FETCH, id)
    _check_reversal(transfer, caller)
    order = ReversalOrder(id, body.amount)
    if transfers.is_credit(transfer):  # it is between an account and the treasury of its cell
        of_credit = replace(action, foreign_id=transfers.holder(transfer))
        result = await context.commits.submit(transfers.REVERSE, order, key, action=of_credit)
    else:
        names = [share.account for share in transfer.shares]
        result = await cells.submit_at(id, transfers.REVERSE, order, key, names)
    return responses.show_written(transfers.transfer_json(result.resource), replayed=result.replayed)


def _check_reversal(transfer: Transfer, caller: Caller) -> None:
    """Refuse a transfer that is not between the caller's accounts, and a credit to who may give none."""
    if caller.reach.limited:
        transfers.within(transfer, caller.reach, all)
    if transfers.is_credit(transfer):
        caller.require("ledger:issue")


@busy.post("/account/{foreign_id}/transact", response_model=TransferView, summary="Give or take credits")
async def transact(
    foreign_id: parameters.ForeignId,
    body: CreditBody,
    key: idempotency_keys.RequiredKey,
    cells: InCells,
    action: Acting,
) -> Response:
    """TOPUP and BONUS come from the treasury, SPEND goes there; of DOGE only SPEND, to the platform."""
    order = body.order(foreign_id, key, cells.platform)
    cell = await cells.cell_of_account(foreign_id)
    result = await cells.submit_in((cell,), transfers.MAKE, order, key, action=action)
    return responses.show_written(transfers.transfer_json(result.resource), replayed=result.replayed)
