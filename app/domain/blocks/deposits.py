"""Deposits: outputs that pay an address of ours, the entries they cause, and the coins they leave us."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from app.db.tables import CLAWBACK, COLD_STORAGE, WORLD
from app.domain import dogecoin
from app.domain.dogecoin import Network, Outpoint
from app.domain.ledger import Bucket, Entry, Posting
from app.domain.rates import Quote
from app.money import NOTHING, Koinu

AVAILABLE, INCOMING = Bucket.AVAILABLE, Bucket.INCOMING


@dataclass(frozen=True)
class OwnAddress:
    """An address of ours on a network, m/.../branch/index of an account; `purpose` as in the table."""

    account: int
    branch: int
    index: int
    purpose: str
    network: Network
    script: bytes

    @cached_property
    def text(self) -> str:
        """The address as shown. Most coins' addresses are never shown, so it is made when it is."""
        return dogecoin.to_address(self.network, self.script) or ""

    @property
    def credited(self) -> int:
        """The account whose balance a deposit moves: cold storage where money returns from there."""
        return COLD_STORAGE if self.purpose == "cold" else self.account

    @property
    def invoice(self) -> int | None:
        """The index of the invoice that it belongs to."""
        return self.index if self.purpose == "invoice" else None


class Deposit(NamedTuple):
    """One output to us. `mined_count` counts how often a block contained it; `clawback_debt` is its debt to clawback.

    `quote` is what a DOGE was worth when its first block was made.
    """

    outpoint: Outpoint
    address: OwnAddress
    amount: Koinu
    required_confirmations: int
    state: str = "undone"
    height: int | None = None
    confirm_height: int | None = None
    mined_count: int = 0
    clawback_debt: Koinu = NOTHING
    quote: Quote | None = None

    def seen(self, height: int, least_confirmations: int) -> "Deposit":
        """Return it in the block at `height`, which counts as its first confirmation."""
        confirm_height = height + max(1, self.required_confirmations, least_confirmations) - 1
        return self._replace(
            state="incoming",
            height=height,
            confirm_height=confirm_height,
            mined_count=self.mined_count + 1,
        )

    def confirmed(self) -> "Deposit":
        """Return it confirmed; what it owed is paid."""
        return self._replace(state="confirmed", clawback_debt=NOTHING)

    def undone(self) -> "Deposit":
        """Return it without a block."""
        return self._replace(state="undone", height=None, confirm_height=None)

    def entry(self, step: str) -> Entry:
        """Return the entry that takes the deposit from its state to `step`: incoming, confirmed or undone."""
        postings = {"incoming": self._incoming, "confirmed": self._confirmed, "undone": self._undone}[step]()
        kinds = {"incoming": "DEPOSIT", "confirmed": "DEPOSIT_CONFIRMED", "undone": "DEPOSIT_UNDONE"}
        return Entry(
            kind=kinds[step],
            cause=("deposit", str(self.outpoint)),
            key=f"deposit:{self.outpoint}:{self.mined_count}:{step}",
            postings=tuple(posting for posting in postings if posting.amount),
            reference=("address" if self.address.invoice is None else "invoice", self.address.text),
            clawback=step == "undone",
        )

    def _incoming(self) -> tuple[Posting, ...]:
        return (
            Posting(WORLD, AVAILABLE, -self.amount),
            Posting(self.address.credited, INCOMING, self.amount),
        )

    def _confirmed(self) -> tuple[Posting, ...]:
        return (
            Posting(self.address.credited, INCOMING, -self.amount),
            Posting(CLAWBACK, AVAILABLE, self.clawback_debt),
            Posting(self.address.credited, AVAILABLE, self.amount - self.clawback_debt),
        )

    def _undone(self) -> tuple[Posting, ...]:
        bucket = INCOMING if self.state == "incoming" else AVAILABLE
        return (
            Posting(self.address.credited, bucket, -self.amount),
            Posting(WORLD, AVAILABLE, self.amount),
        )


class Coin(NamedTuple):
    """An output to us as a reserve: unspent while `spent_height` is None, in no block while `height` is None.

    The `change` of a transaction of ours is no deposit.
    """

    outpoint: Outpoint
    address: OwnAddress
    amount: Koinu
    coinbase: bool
    height: int | None
    spent_height: int | None = None
    spent_by: bytes | None = None
    spend_count: int = 0
    change: bool = False

    def spent(self, height: int, by: bytes) -> "Coin":
        """Return it spent by the transaction `by` in the block at `height`."""
        return self._replace(spent_height=height, spent_by=by, spend_count=self.spend_count + 1)

    def unspent(self) -> "Coin":
        """Return it as it was before."""
        return self._replace(spent_height=None, spent_by=None)

    def entry(self, *, back: bool) -> Entry:
        """Return the entry of an unknown spend, which clawback bears; with `back` the one that undoes it."""
        amount = -self.amount if back else self.amount
        step = "unspent" if back else "spent"
        return Entry(
            kind=f"UNKNOWN_{step.upper()}",
            cause=("coin", str(self.outpoint)),
            key=f"coin:{self.outpoint}:{self.spend_count}:{step}",
            postings=(Posting(CLAWBACK, AVAILABLE, -amount), Posting(WORLD, AVAILABLE, amount)),
        )
