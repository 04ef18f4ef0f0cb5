"""Transfers over HTTP: money between accounts, one or many in a request."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Discriminator, Field, Tag
from starlette.responses import Response

from app.api import amounts, answers, bodies, replays, routes, texts
from app.api.program import Given, Reading
from app.domain import transfer_orders, transfers
from app.domain.idempotency import Claim
from app.domain.transfer_orders import Order, Payee
from app.domain.transfers import Share, Transfer

busy = APIRouter(route_class=routes.Straight)
router = APIRouter()

_EXAMPLE: Final[Any] = {"from": "alice", "to": "bob", "asset": "gold_coins", "amount": "12.5", "reference": "game-7"}
_SHARES: Final[Any] = [{"account": "bob", "amount": "10"}, {"account": "carol", "amount": "2.5"}]


class _Described(bodies.Body):
    """What both forms of a transfer have."""

    payer: texts.Name = Field(alias="from")
    asset: texts.Name
    reference_type: texts.Label = ""
    reference: texts.Label = ""
    metadata: texts.Metadata = "{}"

    def payees(self) -> tuple[Payee, ...]:
        """Who gets how much."""
        raise NotImplementedError

    def order(self, claim: Claim) -> Order:
        """The transfer that is wanted, under the name of its key."""
        reference = (self.reference_type, self.reference)
        key = f"{claim.scope}:{claim.key}"
        return Order(key, self.payer, self.payees(), self.asset, reference=reference, metadata=self.metadata)


class NewTransfer(_Described):
    """Money from one account to another."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    to: texts.Name
    amount: amounts.GivenIn

    def payees(self) -> tuple[Payee, ...]:
        """The one that gets it."""
        return (Payee(self.to, self.amount),)


class NewShare(bodies.Body):
    """What one of several payees is to get."""

    account: texts.Name
    amount: amounts.GivenIn


class NewSplit(_Described):
    """Money from one account to several: one entry, all of it or nothing."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"examples": [{"from": "alice", "to": _SHARES, "asset": "gold_coins"}]}
    )

    to: Annotated[list[NewShare], Field(min_length=1, max_length=transfer_orders.PAYEES)]

    def payees(self) -> tuple[Payee, ...]:
        """Those that get it."""
        return tuple(
            Payee(share.account, share.amount, (f"to.{n}.account", f"to.{n}.amount")) for n, share in enumerate(self.to)
        )


def _form(given: Any) -> str:
    """Tell the forms apart; names that begin with "<" are left out where a field is named."""
    named = {str(name).lower(): value for name, value in given.items()} if isinstance(given, dict) else {}
    return "<split>" if isinstance(named.get("to"), list) else "<one>"


One = Annotated[Annotated[NewTransfer, Tag("<one>")] | Annotated[NewSplit, Tag("<split>")], Discriminator(_form)]


class ShareView(answers.View):
    """What one of several accounts gave or got."""

    account: str
    amount: amounts.ShownOut


class TransferView(answers.View):
    """Money that went from one account to another; of several, each with its share. `reversed` is what came back of it."""

    id: int
    type: str
    from_: str | list[ShareView]
    to: str | list[ShareView]
    asset: str
    amount: amounts.ShownOut
    reference_type: str
    reference: str
    metadata: answers.JsonObject
    reversed: amounts.ShownOut
    created: answers.Time

    model_config = ConfigDict(
        frozen=True, extra="forbid", serialize_by_alias=True, alias_generator=lambda name: name.rstrip("_"),
        validate_by_name=True,
    )  # fmt: skip

    @classmethod
    def of(cls, transfer: Transfer) -> "TransferView":
        """Show a transfer."""
        return cls(
            id=transfer.id,
            type=transfer.kind,
            from_=_side(transfer, transfer.givers),
            to=_side(transfer, transfer.takers),
            asset=transfer.asset,
            amount=transfer.show(transfer.amount),
            reference_type=transfer.reference_type,
            reference=transfer.reference,
            metadata=transfer.metadata,
            reversed=transfer.show(transfer.reversed),
            created=transfer.created,
        )


def _side(transfer: Transfer, shares: Sequence[Share]) -> str | list[ShareView]:
    if len(shares) == 1:
        return shares[0].account
    return [ShareView(account=share.account, amount=transfer.show(share.amount)) for share in shares]


New = Annotated[Any, bodies.of_any(One, NewTransfer, NewSplit)]
TransferId = Annotated[int, Path(description="The transfer's id", ge=1, le=2**63 - 1)]


@busy.post("/transfers", response_model=TransferView, summary="Move money between accounts")
async def transfer(new: New, key: replays.RequiredKey, given: Given) -> Response:
    """At once and without a fee. `to` may be a list of payees; what all of them get is one transfer."""
    done = await given.commits.submit(given.transfer, new.order(key), key)
    return answers.show(TransferView.of(done.thing), replayed=done.replayed)


@router.get("/transfers/{id}", response_model=TransferView, summary="A transfer")
async def get_transfer(id: TransferId, db: Reading) -> Response:  # noqa: A002  the path's name for it
    """Also credits, reversals, and what invoices moved between accounts."""
    return answers.show(TransferView.of(await transfers.fetch(db, id)))
