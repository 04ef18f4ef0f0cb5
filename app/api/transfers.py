"""Transfers over HTTP: money between accounts, one or many in a request."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from pydantic import Discriminator, Field, Tag
from starlette.responses import Response

from app.api import errors, fast_route, fields, idempotency_keys, parameters, request_body, responses
from app.api.context import Commits, Reading
from app.api.transfer_models import TransferList, TransferView
from app.domain import ledger, transfers
from app.domain.commands import Result, Submitted
from app.domain.idempotency import Claim
from app.domain.transfers import Credit, Payee, ReversalOrder, Transfer, TransferOrder, json, making
from app.domain.transfers import fetch as fetch_transfer

busy = APIRouter(route_class=fast_route.FastRoute)
router = APIRouter()

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


class _Described(request_body.Body):
    """What both forms of a transfer have."""

    payer: fields.Name = Field(alias="from")
    asset: fields.Name
    reference_type: fields.Label = ""
    reference: fields.Label = ""
    metadata: fields.Metadata = "{}"

    def payees(self) -> tuple[Payee, ...]:
        """Who gets how much."""
        raise NotImplementedError

    def total(self) -> ledger.RawAmount | None:
        """What all of them get together, where that is said besides."""
        return None

    def order(self, claim: Claim) -> TransferOrder:
        """The transfer that is wanted, under the name of its key."""
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
        """The one that gets it."""
        return (Payee(self.to, self.amount),)


class NewShare(request_body.Body):
    """What one of several payees is to get; an asset that is named here must be that of all."""

    account: fields.Name
    amount: fields.AmountIn
    asset: fields.Name | None = None


class NewSplit(_Described):
    """Money from one account to several: one entry, all of it or nothing. `amount`, where it is said, is what they get together."""

    model_config = request_body.examples({"from": "alice", "to": _SHARES, "asset": "gold_coins"})

    to: Annotated[list[NewShare], Field(min_length=1, max_length=making.PAYEES)]
    amount: fields.AmountIn | None = None

    def payees(self) -> tuple[Payee, ...]:
        """Those that get it."""
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
        """What they are to get together."""
        return self.amount


def _form(given: Any) -> str:
    """Tell the forms apart; names that begin with "<" are left out where a field is named."""
    if not isinstance(given, dict):
        return "<one>"
    folded = (
        given
        if given.keys() <= _SPELT
        else {**{name.lower(): value for name, value in given.items()}, **given}
    )
    if folded.get("transfers") is not None:
        return "<many>"
    return "<split>" if isinstance(folded.get("to"), list) else "<one>"


_SPELT: Final = frozenset({"from", "to", "asset", "amount", "reference_type", "reference", "metadata"})
"""Fields as nearly all requests spell them."""
One = Annotated[
    Annotated[NewTransfer, Tag("<one>")] | Annotated[NewSplit, Tag("<split>")], Discriminator(_form)
]


class NewTransfers(request_body.Body):
    """Many transfers, each for itself; `atomic` ones are all made or none is."""

    model_config = request_body.examples({"transfers": [_EXAMPLE], "atomic": False})

    transfers: Annotated[list[One], Field(min_length=1, max_length=MANY)]
    atomic: bool = False

    def orders(self, claims: Iterable[Claim]) -> list[TransferOrder]:
        """What is wanted."""
        return [new.order(claim) for new, claim in zip(self.transfers, claims, strict=True)]


Form = Annotated[
    Annotated[NewTransfer, Tag("<one>")]
    | Annotated[NewSplit, Tag("<split>")]
    | Annotated[NewTransfers, Tag("<many>")],
    Discriminator(_form),
]


class Reversal(request_body.Body):
    """How much goes back; absent: all."""

    model_config = request_body.examples({}, {"amount": "2.5"})

    amount: fields.AmountIn | None = None


New = Annotated[
    NewTransfer | NewSplit | NewTransfers, request_body.of_any(Form, NewTransfer, NewSplit, NewTransfers)
]
Back = Annotated[Reversal, request_body.optional(Reversal)]
TransferId = Annotated[int, Path(description="The transfer's id", ge=1, le=2**63 - 1)]


@busy.post("/transfers", response_model=TransferView | TransferList, summary="Move money between accounts")
async def transfer(new: New, key: idempotency_keys.NamedKey, commits: Commits) -> Response:
    """At once and without a fee; one, or up to 1,000 in `transfers`. `to` may be a list: what all of them get is one transfer."""
    if isinstance(new, NewTransfers):
        return await (_all_or_none if new.atomic else _each)(new, key, commits)
    claim = key.whole()
    order = new.order(claim)
    result = await commits.submit(transfers.MAKE, order, claim, weight=len(order.payees))
    return responses.show_written(json.shown(result.resource), replayed=result.replayed)


async def _each(new: NewTransfers, key: idempotency_keys.Named, commits: Commits) -> Response:
    """The key of each is the request's with its place behind it, so that the refused ones may be tried again."""
    claims = key.each("transfers")
    submitted = [Submitted(order, claim) for order, claim in zip(new.orders(claims), claims, strict=True)]
    outcomes = await commits.submit_all(transfers.MAKE, submitted)
    replayed = all(isinstance(outcome, Result) and outcome.replayed for outcome in outcomes)
    return responses.show_all(map(_shown, outcomes), replayed=replayed)


async def _all_or_none(new: NewTransfers, key: idempotency_keys.Named, commits: Commits) -> Response:
    orders = new.orders(key.each("transfers"))
    weight = sum(len(order.payees) for order in orders)
    result = await commits.submit(transfers.MAKE_ATOMIC, orders, key.whole(), weight=weight)
    return responses.show_all(map(json.shown, result.resource), replayed=result.replayed)


def _shown(outcome: Result[Transfer] | Exception) -> str:
    return (
        json.shown(outcome.resource)
        if isinstance(outcome, Result)
        else responses.fault_text(errors.fault_of(outcome))
    )


@router.post("/transfers/{id}/reverse", response_model=TransferView, summary="Take a transfer back")
async def reverse(id: TransferId, new: Back, key: idempotency_keys.RequiredKey, commits: Commits) -> Response:  # noqa: A002  the path's name
    """Once, in full or in part, as far as the payee has it; the answer is the transfer that goes back."""
    result = await commits.submit(transfers.REVERSE, ReversalOrder(id, new.amount), key)
    return responses.show_written(json.shown(result.resource), replayed=result.replayed)


@router.get("/transfers/{id}", response_model=TransferView, summary="A transfer")
async def get_transfer(id: TransferId, db: Reading) -> Response:  # noqa: A002  the path's name for it
    """Also credits, reversals, and what invoices moved between accounts."""
    return responses.show_written(json.shown(await fetch_transfer(db, id)))


crediting = APIRouter(route_class=fast_route.FastRoute)


class NewCredit(request_body.Body):
    """What an account is to get from the operator (TOPUP, BONUS), or to give (SPEND)."""

    model_config = request_body.examples({"asset": "gold_coins", "amount": "100", "type": "TOPUP"})

    asset: fields.Name
    amount: fields.AmountIn
    type: Literal["TOPUP", "SPEND", "BONUS"]
    reference_type: fields.Label = ""
    reference: fields.Label = ""
    metadata: fields.Metadata = "{}"

    def order(self, foreign_id: str, claim: Claim, platform: str) -> TransferOrder:
        """The transfer that it is."""
        reference = (self.reference_type, self.reference)
        credit = Credit(foreign_id, self.type, self.asset, self.amount, reference, self.metadata)
        return credit.order(f"{claim.scope}:{claim.key}", platform)


Crediting = Annotated[NewCredit, request_body.of(NewCredit)]


@crediting.post("/account/{foreign_id}/transact", response_model=TransferView, summary="Give or take credits")
async def transact(
    foreign_id: parameters.ForeignId, credit: Crediting, key: idempotency_keys.RequiredKey, commits: Commits
) -> Response:
    """TOPUP and BONUS come from the treasury, SPEND goes there; DOGE cannot be issued, and is spent to the platform."""
    result = await commits.submit(
        transfers.MAKE, credit.order(foreign_id, key, commits.installation.platform), key
    )
    return responses.show_written(transfers.shown(result.resource), replayed=result.replayed)
