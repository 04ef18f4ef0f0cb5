"""A reference for the ledger in a few lines: what each account has, and the rules by which it moves.

Each rule returns what it made, or None where the request must be refused; then nothing moves.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

ISSUER: Final = "(treasury)"
PLATFORM: Final = "platform"
MAX_AMOUNT: Final = 2**63 - 1

BucketKey = tuple[str, str]
"""An account and a bucket."""
Move = tuple[BucketKey, BucketKey, int]
Share = tuple[str, int]


@dataclass(slots=True)
class Record:
    """Something that was made; `id` is its id in the program."""

    asset: str
    id: int = 0


@dataclass(slots=True)
class Transfer(Record):
    """What an account gave to others; `final`: it cannot be reversed."""

    payer: str = ""
    shares: Sequence[Share] = ()
    final: bool = False


@dataclass(slots=True)
class Hold(Record):
    """Money that an account has set aside; `ends`: it expires; `late`: its time is over."""

    owner: str = ""
    remaining: int = 0
    state: str = "HELD"
    ends: bool = False
    late: bool = False

    @property
    def over(self) -> bool:
        return self.late or self.state != "HELD"


@dataclass(slots=True)
class Escrow(Record):
    """Money that a buyer has locked for a seller."""

    sides: tuple[str, str] = ("", "")
    amount: int = 0
    fee: int = 0
    state: str = "LOCKED"


@dataclass
class Money:
    """What each account has, by account, bucket and asset."""

    amounts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def move(self, asset: str, *moves: Move) -> bool:
        """Make all moves, or none where one would overdraw an account, or fill it above MAX_AMOUNT."""
        amounts = self.amounts.copy()
        for source, target, amount in moves:
            amounts[*source, asset] -= amount
            amounts[*target, asset] += amount
            full = sum(amounts[target[0], bucket, asset] for bucket in ("available", "held")) > MAX_AMOUNT
            if (source[0] != ISSUER and amounts[*source, asset] < 0) or (target[0] != ISSUER and full):
                return False
        self.amounts = amounts
        return True


def available(account: str) -> BucketKey:
    return account, "available"


def held(account: str) -> BucketKey:
    return account, "held"


@dataclass
class Model:
    """The reference, and what was made so far."""

    money: Money = field(default_factory=Money)
    accounts: dict[str, bool] = field(default_factory=lambda: {ISSUER: True})
    """Whether each account is open."""
    decimals: dict[str, int] = field(default_factory=dict)
    """The decimals of each asset."""
    transfers: list[Transfer] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    escrows: dict[str, Escrow] = field(default_factory=dict)

    def is_open(self, *accounts: str) -> bool:
        return all(self.accounts.get(account) for account in accounts)

    # ------------------------------------------------------------ assets and accounts

    def make_asset(self, code: str, decimals: int) -> bool | None:
        return True if self.decimals.setdefault(code, decimals) == decimals and code != "DOGE" else None

    def open(self, account: str, opening: dict[str, int]) -> bool | None:
        if opening and (
            account in self.accounts or "DOGE" in opening or opening.keys() - self.decimals.keys()
        ):
            return None
        if any(not 0 < amount <= MAX_AMOUNT for amount in opening.values()):
            return None
        self.accounts.setdefault(account, True)
        for asset, amount in opening.items():
            self.money.move(asset, (available(ISSUER), available(account), amount))
        return True

    def close(self, account: str) -> bool | None:
        is_seller = any(
            escrow.sides[1] == account and escrow.state in ("LOCKED", "DISPUTED")
            for escrow in self.escrows.values()
        )
        has_money = any(amount for (owner, *_), amount in self.money.amounts.items() if owner == account)
        if account not in self.accounts or is_seller or has_money:
            return None
        self.accounts[account] = False
        return True

    # ------------------------------------------------------------ transfers

    def transfer(self, payer: str, shares: Sequence[Share], asset: str) -> Transfer | None:
        payees = [payee for payee, _ in shares]
        if (
            asset not in self.decimals
            or not self.is_open(payer, *payees)
            or len({payer, *payees}) <= len(payees)
        ):
            return None
        if (
            any(not 0 < amount <= MAX_AMOUNT for _, amount in shares)
            or sum(amount for _, amount in shares) > MAX_AMOUNT
        ):
            return None
        if not self.money.move(
            asset, *((available(payer), available(payee), amount) for payee, amount in shares)
        ):
            return None
        self.transfers.append(Transfer(asset, payer=payer, shares=shares))
        return self.transfers[-1]

    def make_atomic(self, orders: Sequence[tuple[str, Sequence[Share], str]]) -> list[Transfer] | None:
        """Make all of the transfers, or none."""
        amounts, number = self.money.amounts, len(self.transfers)
        made = [transfer for transfer in (self.transfer(*order) for order in orders) if transfer]
        if len(made) == len(orders):
            return made
        self.money.amounts, self.transfers[number:] = amounts, []
        return None

    def credit(self, account: str, kind: str, asset: str, amount: int) -> Transfer | None:
        if kind == "SPEND":
            return self.transfer(account, [(PLATFORM if asset == "DOGE" else ISSUER, amount)], asset)
        return None if asset == "DOGE" else self.transfer(ISSUER, [(account, amount)], asset)

    def reverse(self, transfer: Transfer, part: int | None) -> Transfer | None:
        whole = sum(amount for _, amount in transfer.shares)
        amount = whole if part is None else part
        if transfer.final or not self.is_open(transfer.payer) or not 0 < amount <= whole:
            return None
        if amount < whole and len(transfer.shares) > 1:
            return None
        shares = transfer.shares if amount == whole else [(transfer.shares[0][0], amount)]
        if not self.money.move(
            transfer.asset, *((available(payee), available(transfer.payer), share) for payee, share in shares)
        ):
            return None
        transfer.final = True
        self.transfers.append(Transfer(transfer.asset, final=True))
        return self.transfers[-1]

    # ------------------------------------------------------------ holds

    def hold(self, owner: str, asset: str, amount: int, *, ends: bool) -> Hold | None:
        if not self.is_open(owner) or not self._lock(owner, asset, amount):
            return None
        self.holds.append(Hold(asset, owner=owner, remaining=amount, ends=ends))
        return self.holds[-1]

    def release(self, hold: Hold, part: int | None) -> Hold | None:
        return (
            None if (amount := self._part(hold, part)) is None else self._give_back(hold, amount, "RELEASED")
        )

    def capture(self, hold: Hold, to: str, part: int | None) -> Hold | None:
        amount = self._part(hold, part)
        if amount is None or not self.is_open(to) or to == hold.owner:
            return None
        if not self.money.move(hold.asset, (held(hold.owner), available(to), amount)):
            return None
        hold.remaining, hold.state = hold.remaining - amount, "CAPTURED"
        return self._give_back(hold, hold.remaining, "CAPTURED")

    def expire(self) -> int:
        late = [hold for hold in self.holds if hold.late and hold.state == "HELD"]
        return sum(self._give_back(hold, hold.remaining, "EXPIRED") is hold for hold in late)

    # ------------------------------------------------------------ escrows

    def escrow(self, order: str, escrow: Escrow, hold: Hold | None) -> Escrow | None:
        buyer, seller = escrow.sides
        if not self.is_open(buyer, seller) or buyer == seller or order in self.escrows:
            return None
        if not 0 <= escrow.fee <= escrow.amount:
            return None
        if hold is not None:
            other = hold.owner != buyer or hold.asset != escrow.asset
            if other or self._part(hold, escrow.amount) is None:
                return None
            self._give_back(hold, hold.remaining, "CONVERTED")
        if not self._lock(buyer, escrow.asset, escrow.amount):
            return None
        self.escrows[order] = escrow
        return escrow

    def end(self, escrow: Escrow, state: str, parts: tuple[int, int]) -> Escrow | None:
        if escrow.state not in {"DISPUTED": ["LOCKED"], "RESOLVED": ["DISPUTED"]}.get(
            state, ["LOCKED", "DISPUTED"]
        ):
            return None
        if state != "DISPUTED":
            to_seller, to_buyer = {"RELEASED": (escrow.amount, 0), "REFUNDED": (0, escrow.amount)}.get(
                state, parts
            )
            if min(to_seller, to_buyer) < 0 or to_seller + to_buyer != escrow.amount:
                return None
            (buyer, seller), fee = escrow.sides, min(escrow.fee, to_seller)
            back, paid = (
                (held(buyer), available(buyer), to_buyer),
                (held(buyer), available(seller), to_seller),
            )
            self.money.move(escrow.asset, back, paid, (available(seller), available(PLATFORM), fee))
        escrow.state = state
        return escrow

    # ------------------------------------------------------------ used by the rules

    def _lock(self, account: str, asset: str, amount: int) -> bool:
        is_valid = asset in self.decimals and 0 < amount <= MAX_AMOUNT
        return is_valid and self.money.move(asset, (available(account), held(account), amount))

    def _part(self, hold: Hold, part: int | None) -> int | None:
        amount = hold.remaining if part is None else part
        return amount if not hold.over and 0 < amount <= hold.remaining else None

    def _give_back(self, hold: Hold, amount: int, state: str) -> Hold:
        self.money.move(hold.asset, (held(hold.owner), available(hold.owner), amount))
        hold.remaining -= amount
        hold.state = hold.state if hold.remaining else state
        return hold
