"""What the ledger must say: who has how much of what, in a few lines; and the rules by which it moves.

Each rule does what is asked and returns what was made of it, or None where it is refused and nothing moves.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

ISSUER: Final = "(treasury)"
PLATFORM: Final = "platform"
MOST: Final = 2**63 - 1

Place = tuple[str, str]
"""An account and a bucket."""
Move = tuple[Place, Place, int]
Share = tuple[str, int]


@dataclass(slots=True)
class Made:
    """Something that was made: `id` is the program's name for it."""

    asset: str
    id: int = 0


@dataclass(slots=True)
class Transfer(Made):
    """What one account gave to others; `final` if it stays for ever."""

    payer: str = ""
    shares: Sequence[Share] = ()
    final: bool = False


@dataclass(slots=True)
class Hold(Made):
    """What an account has set aside."""

    owner: str = ""
    left: int = 0
    state: str = "HELD"
    ends: bool = False
    late: bool = False

    @property
    def over(self) -> bool:
        return self.late or self.state != "HELD"


@dataclass(slots=True)
class Escrow(Made):
    """What a buyer has locked for a seller."""

    sides: tuple[str, str] = ("", "")
    amount: int = 0
    fee: int = 0
    state: str = "LOCKED"


@dataclass
class Money:
    """What everybody has of everything, by bucket."""

    of: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def move(self, asset: str, *moves: Move) -> bool:
        """Make all of the moves, or none where one would overdraw an account or fill it beyond measure."""
        now = self.of.copy()
        for giver, taker, amount in moves:
            now[*giver, asset] -= amount
            now[*taker, asset] += amount
            full = sum(now[taker[0], bucket, asset] for bucket in ("available", "held")) > MOST
            if (giver[0] != ISSUER and now[*giver, asset] < 0) or (taker[0] != ISSUER and full):
                return False
        self.of = now
        return True


def available(account: str) -> Place:
    return account, "available"


def held(account: str) -> Place:
    return account, "held"


@dataclass
class Model:
    """The reference, and what was made so far."""

    money: Money = field(default_factory=Money)
    accounts: dict[str, bool] = field(default_factory=lambda: {ISSUER: True})
    """Who there is, and whether open."""
    decimals: dict[str, int] = field(default_factory=dict)
    """What there is to be counted."""
    transfers: list[Transfer] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    escrows: dict[str, Escrow] = field(default_factory=dict)

    def is_open(self, *accounts: str) -> bool:
        return all(self.accounts.get(one) for one in accounts)

    # ------------------------------------------------------------ assets and accounts

    def make_asset(self, code: str, decimals: int) -> bool | None:
        return True if self.decimals.setdefault(code, decimals) == decimals and code != "DOGE" else None

    def open(self, account: str, opening: dict[str, int]) -> bool | None:
        if opening and (
            account in self.accounts or "DOGE" in opening or opening.keys() - self.decimals.keys()
        ):
            return None
        if any(not 0 < amount <= MOST for amount in opening.values()):
            return None
        self.accounts.setdefault(account, True)
        for asset, amount in opening.items():
            self.money.move(asset, (available(ISSUER), available(account), amount))
        return True

    def close(self, account: str) -> bool | None:
        waits = any(
            one.sides[1] == account and one.state in ("LOCKED", "DISPUTED") for one in self.escrows.values()
        )
        has = any(amount for (owner, *_), amount in self.money.of.items() if owner == account)
        if account not in self.accounts or waits or has:
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
        if any(not 0 < amount <= MOST for _, amount in shares) or sum(amount for _, amount in shares) > MOST:
            return None
        if not self.money.move(
            asset, *((available(payer), available(payee), amount) for payee, amount in shares)
        ):
            return None
        self.transfers.append(Transfer(asset, payer=payer, shares=shares))
        return self.transfers[-1]

    def trade(self, orders: Sequence[tuple[str, Sequence[Share], str]]) -> list[Transfer] | None:
        """All of them or none."""
        money, number = self.money.of, len(self.transfers)
        made = [one for one in (self.transfer(*order) for order in orders) if one]
        if len(made) == len(orders):
            return made
        self.money.of, self.transfers[number:] = money, []
        return None

    def credit(self, account: str, kind: str, asset: str, amount: int) -> Transfer | None:
        if kind == "SPEND":
            return self.transfer(account, [(PLATFORM if asset == "DOGE" else ISSUER, amount)], asset)
        return None if asset == "DOGE" else self.transfer(ISSUER, [(account, amount)], asset)

    def reverse(self, one: Transfer, part: int | None) -> Transfer | None:
        whole = sum(amount for _, amount in one.shares)
        amount = whole if part is None else part
        if one.final or not self.is_open(one.payer) or not 0 < amount <= whole:
            return None
        if amount < whole and len(one.shares) > 1:
            return None
        shares = one.shares if amount == whole else [(one.shares[0][0], amount)]
        if not self.money.move(
            one.asset, *((available(to), available(one.payer), much) for to, much in shares)
        ):
            return None
        one.final = True
        self.transfers.append(Transfer(one.asset, final=True))
        return self.transfers[-1]

    # ------------------------------------------------------------ holds

    def hold(self, owner: str, asset: str, amount: int, *, ends: bool) -> Hold | None:
        if not self.is_open(owner) or not self._lock(owner, asset, amount):
            return None
        self.holds.append(Hold(asset, owner=owner, left=amount, ends=ends))
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
        hold.left, hold.state = hold.left - amount, "CAPTURED"
        return self._give_back(hold, hold.left, "CAPTURED")

    def expire(self) -> int:
        late = [hold for hold in self.holds if hold.late and hold.state == "HELD"]
        return sum(self._give_back(hold, hold.left, "EXPIRED") is hold for hold in late)

    # ------------------------------------------------------------ escrows

    def escrow(self, order: str, escrow: Escrow, hold: Hold | None) -> Escrow | None:
        buyer, seller = escrow.sides
        if not self.is_open(buyer, seller) or buyer == seller or order in self.escrows:
            return None
        if not 0 <= escrow.fee <= escrow.amount:
            return None
        if hold is not None:
            foreign = hold.owner != buyer or hold.asset != escrow.asset
            if foreign or self._part(hold, escrow.amount) is None:
                return None
            self._give_back(hold, hold.left, "CONVERTED")
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

    # ------------------------------------------------------------ how

    def _lock(self, account: str, asset: str, amount: int) -> bool:
        sane = asset in self.decimals and 0 < amount <= MOST
        return sane and self.money.move(asset, (available(account), held(account), amount))

    def _part(self, hold: Hold, part: int | None) -> int | None:
        amount = hold.left if part is None else part
        return amount if not hold.over and 0 < amount <= hold.left else None

    def _give_back(self, hold: Hold, amount: int, state: str) -> Hold:
        self.money.move(hold.asset, (held(hold.owner), available(hold.owner), amount))
        hold.left -= amount
        hold.state = hold.state if hold.left else state
        return hold
