"""Accounts and their balances over HTTP."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from fastapi import APIRouter
from pydantic import AfterValidator, ConfigDict, Field
from starlette.responses import Response

from app import money
from app.api import cursors, fast_route, idempotency_keys, parameters, request_body, responses
from app.api.access.acting import Acting
from app.api.access.callers import Asking, Within
from app.api.access.guarded_route import GuardedRoute
from app.api.cells import merged, platform_account
from app.api.cells.merged import Listing
from app.api.cells.routing import InCells
from app.api.context import Commits, Context, Queries
from app.api.fields import AmountIn, AmountOut, KoinuIn, KoinuOut, KoinuShown, Label, Link, Text
from app.db import ReadDb
from app.domain import accounts, ledger, transfers
from app.domain.access import Reach
from app.domain.dogecoin import Network
from app.domain.pages import Page, PageRequest

router = APIRouter(route_class=GuardedRoute)
busy = APIRouter(route_class=fast_route.FastRoute)
"""The busiest endpoints of accounts."""

MAX_OPENING: Final = 100
"""The most assets of which an account gets a first balance."""
_PLACEHOLDER: Final = re.compile(r"D[xX]{24,34}")
"""GigaWallet's plugin for WordPress posts a `D` and 33 `x`, its shop for Dogebox 32: never an address."""
_EXAMPLES: Final[list[Any]] = [
    {},
    {"payout_address": "n1V1PFj196dwcGEJiBJ7JvbGGBhhrFzsUv", "name": "Shibe Shop"},
    {"opening": {"gold_coins": "100"}},
]


def _configured(payout_address: str) -> str:
    """Read the placeholder of a shop's plugin that nobody has set up yet as no address."""
    return "" if _PLACEHOLDER.fullmatch(payout_address) else payout_address


Payout = Annotated[Label, AfterValidator(_configured)]


def _without_defaults(schema: dict[str, Any]) -> None:
    """Describe no defaults: a client that sent them would change the account."""
    for field in schema["properties"].values():
        field.pop("default", None)
    schema["examples"] = _EXAMPLES


class AccountFields(request_body.Body):
    """What an account's owner may set; what is absent stays as it is."""

    model_config: ClassVar[ConfigDict] = ConfigDict(json_schema_extra=_without_defaults)

    payout_address: Payout = ""
    payout_threshold: KoinuIn = 0
    payout_frequency: Label = ""
    name: Label = ""
    vendor_name: Label = ""
    vendor_icon: Link = ""
    vendor_address: Text = ""
    vendor_url: Link = ""
    accept_unconfirmed_below: KoinuIn = 0
    batch: bool = False
    state: Literal["open"] = "open"
    opening: Annotated[dict[str, AmountIn], Field(max_length=MAX_OPENING)] = Field(default_factory=dict)

    def order(self, foreign_id: str, network: Network, asked_by: str) -> accounts.AccountOrder:
        """Return the caller's order to open or change the account; refuses a payout that could never be paid."""
        changes = {name: getattr(self, name) for name in self.model_fields_set - {"opening"}}
        return accounts.AccountOrder(foreign_id, changes, self.opening, asked_by).checked(network)


class AccountView(responses.View):
    """An account: GigaWallet's five fields in its order, then ours."""

    id: str
    foreign_id: str
    payout_address: str
    payout_threshold: KoinuShown
    payout_frequency: str
    name: str
    state: str
    created: responses.Time
    vendor_name: str
    vendor_icon: str
    vendor_address: str
    vendor_url: str
    accept_unconfirmed_below: KoinuShown
    batch: bool

    @classmethod
    def of(cls, account: accounts.Account, **more: Any) -> Self:
        """Show it as events do."""
        return cls(**accounts.account_shown(account), **more)


class BalanceView(responses.View):
    """GigaWallet's balance, with its names in Pascal case."""

    IncomingBalance: KoinuOut
    CurrentBalance: KoinuOut
    OutgoingBalance: KoinuOut

    @classmethod
    def of(cls, balance: ledger.Balance) -> "BalanceView":
        """Show the three buckets that GigaWallet knows."""
        return cls(
            IncomingBalance=balance.incoming,
            CurrentBalance=balance.available,
            OutgoingBalance=balance.outgoing,
        )


class ListedBalance(responses.View):
    """What an account has of one asset."""

    asset: str
    available: AmountOut
    incoming: AmountOut
    held: AmountOut
    outgoing: AmountOut
    total: AmountOut

    @classmethod
    def of(cls, asset_balance: ledger.AssetBalance) -> "ListedBalance":
        """Show a balance in its asset's decimals; the total is the sum of its four buckets."""
        buckets = {bucket.value: asset_balance.balance.of(bucket) for bucket in ledger.Bucket}
        amounts = buckets | {"total": sum(buckets.values())}
        shown = {name: money.show(amount, asset_balance.decimals) for name, amount in amounts.items()}
        return cls(asset=asset_balance.asset, **shown)


class BalanceList(responses.View):
    """What an account has of each asset: DOGE first, then the assets that it ever had, by code."""

    items: list[ListedBalance]

    @classmethod
    def of(cls, balances: Sequence[ledger.AssetBalance]) -> "BalanceList":
        """Show balances in their order."""
        return cls(items=[ListedBalance.of(balance) for balance in balances])


WithBalances = tuple[accounts.Account, Sequence[ledger.AssetBalance]]
"""An account with what it has."""


class ListedAccount(AccountView):
    """An account in a list."""

    balances: list[ListedBalance]

    @classmethod
    def listed(cls, account: WithBalances) -> Self:
        """Show an account with its balances."""
        return cls.of(account[0], balances=BalanceList.of(account[1]).items)


class AccountPage(cursors.Page[ListedAccount]):
    """A page of accounts, oldest first."""


AccountBody = Annotated[AccountFields, request_body.of(AccountFields)]


@busy.post("/account/{foreign_id}", response_model=AccountView, summary="Open an account or change it")
async def put_account(
    foreign_id: parameters.ForeignId,
    body: AccountBody,
    key: idempotency_keys.Key,
    cells: InCells,
    caller: Asking,
    action: Acting,
) -> Response:
    """A field that is absent or null stays as it is. An `opening` takes the scope `ledger:issue` too."""
    if body.opening:
        caller.require("ledger:issue", "opening")
    context = await cells.of_account(foreign_id)
    order = body.order(foreign_id, context.network, caller.name)
    result = await context.commits.submit(transfers.PUT_ACCOUNT, order, key, action=action)
    if cells.all_have(foreign_id):  # it gets its opening once
        for other in cells.contexts:
            if other is not context:
                await other.commits.submit(transfers.PUT_ACCOUNT, replace(order, opening={}), key)
    return responses.show(AccountView.of(result.resource), replayed=result.replayed)


@router.post("/account/{foreign_id}/close", response_model=AccountView, summary="Close an account")
async def close_account(
    foreign_id: parameters.ForeignId, key: idempotency_keys.BodilessKey, commits: Commits, action: Acting
) -> Response:
    """409 while it has money in any asset, or money is to come to it. It can be opened again."""
    result = await commits.submit(accounts.CLOSE, foreign_id, key, action=action)
    return responses.show(AccountView.of(result.resource), replayed=result.replayed)


@busy.get("/account/{foreign_id}", response_model=AccountView, summary="An account")
async def get_account(foreign_id: parameters.ForeignId, queries: Queries) -> Response:
    """404 where no account has this foreign_id."""
    return responses.show(AccountView.of(await queries.fetch(accounts.FETCH, foreign_id)))


@busy.get("/account/{foreign_id}/balance", response_model=BalanceView, summary="An account's DOGE")
async def get_balance(foreign_id: parameters.ForeignId, queries: Queries, cells: InCells) -> Response:
    """What can be spent, what is coming in, and what is going out."""
    if cells.all_have(foreign_id):
        return responses.show(BalanceView.of(await platform_account.balance(cells)))
    return responses.show(BalanceView.of(await queries.fetch(ledger.BALANCE, foreign_id)))


@busy.get(
    "/account/{foreign_id}/balances", response_model=BalanceList, summary="What an account has of every asset"
)
async def get_balances(
    foreign_id: parameters.ForeignId, context: Context, cells: InCells, at: parameters.At = None
) -> Response:
    """Now, or at any moment before."""
    if cells.all_have(foreign_id):
        return responses.show(BalanceList.of(await platform_account.balances(cells, at)))
    return responses.show(BalanceList.of(await platform_account.balances_in(context, foreign_id, at)))


@router.get("/accounts", response_model=AccountPage, summary="All accounts with their balances")
async def list_accounts(cells: InCells, request: cursors.ByIdOverCells, within: Within) -> Response:
    """Oldest first; a key of some accounts gets those, by name."""
    listing = Listing(
        lambda db, page: _with_balances(db, page, within),
        lambda listed: listed[0].id,
        lambda listed: listed[0].foreign_id.encode() if within.limited else listed[0].created,
        newest_first=False,
    )
    page = await merged.page(await cells.readers_of(None), listing, request)
    return responses.show(AccountPage.over_cells(page, ListedAccount.listed))


async def _with_balances(db: ReadDb, request: PageRequest[int], within: Reach) -> Page[WithBalances, int]:
    """Read a page of a cell's accounts, each with its balances."""
    page = await accounts.page(db, request, within)
    balances = await ledger.asset_balances(db, [account.id for account in page.items])
    return Page([(account, balances[account.id]) for account in page.items], page.rest)
