"""What blocks do to our own transactions, against a model that only knows which transactions the chain holds."""

from collections import Counter
from collections.abc import Iterable, Iterator, ValuesView
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.tables import CLAWBACK, NETWORK_FEES, WORLD
from app.domain.blocks import TURNED, AddressOwner, Coin, OwnTransaction, OwnTransactionEffects
from app.domain.dogecoin import Outpoint
from app.domain.ledger import Entry
from app.domain.owner import Owner
from app.domain.payments import RETURNED, Payment, PaymentOutput
from app.money import Koinu

CONFIRMATIONS = 3
OWNER = Owner(1, "shop", "address")
AMOUNT, FEE, VOID_FEE = 1000, 10, 4
COINS = [Outpoint(bytes([number]) * 32, 0) for number in range(5)]
COIN = 700
FIRST, SECOND, CANCEL, BATCH, HEIR, LAST = 1, 2, 3, 4, 5, 6


def txid(number: int) -> bytes:
    return bytes([100 + number]) * 32


INPUTS = {
    FIRST: COINS[:2],
    SECOND: COINS[2:3],
    CANCEL: COINS[:1],
    BATCH: COINS[3:],
    HEIR: [Outpoint(txid(SECOND), 1)],
    LAST: [Outpoint(txid(HEIR), 1)],
}
"""The cancellation and the first spend one coin both; each of the coins can also go to somebody we do not know."""
PARENTS = {txid(HEIR): txid(SECOND), txid(LAST): txid(HEIR)}
PAYMENTS = {FIRST: (11,), SECOND: (12,), BATCH: (13, 14), HEIR: (15,), LAST: (16,)}


STRANGERS = {bytes([200 + number]) * 32: [coin] for number, coin in enumerate(COINS)}
SPENDS = {txid(number): inputs for number, inputs in INPUTS.items()} | STRANGERS
NAMES = {txid(number): number for number in INPUTS}


def payment(number: int, transaction: int, state: str) -> Payment:
    total = AMOUNT + FEE
    return Payment(
        owner=OWNER, id=number, kind="pay", state=state, amount=Koinu(AMOUNT), reserved=Koinu(total),
        explicit_fee=Koinu(0), max_fee=Koinu(0), paid=Koinu(AMOUNT), fee=Koinu(FEE), transaction_id=transaction,
        batch=False, reference="", error="", created=datetime(2024, 1, 1, tzinfo=UTC),
        outputs=(PaymentOutput("to", b"", Koinu(AMOUNT), 0, Koinu(AMOUNT)),),
    )  # fmt: skip


def sendings() -> dict[int, OwnTransaction]:
    """Transactions that were sent: the third cancels the first, the last two spend change of those before them."""
    made = {}
    for number, inputs in INPUTS.items():
        replaces = FIRST if number == CANCEL else None
        carried = PAYMENTS.get(number, PAYMENTS[FIRST])
        cancelled = number in (FIRST, CANCEL)
        made[number] = OwnTransaction(
            id=number, txid=txid(number), fee=Koinu(VOID_FEE if replaces else FEE * len(carried)), replaces=replaces,
            sends=True, state="sent", height=None, confirm_height=None, conflict_height=None, round=0,
            inputs=frozenset(inputs), pays=replaces is None,
            payments=tuple(
                payment(one, replaces or number, "CANCELLING" if cancelled else "BROADCAST") for one in carried
            ),
        )  # fmt: skip
    return made


@dataclass
class Step:
    height: int
    entries: list[Entry] = field(default_factory=list)
    sent: list[tuple[str, Payment]] = field(default_factory=list)


@dataclass
class Books:
    """Balances that know nothing but sums; what was posted once is refused the second time."""

    held: dict[tuple[int, str], int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)

    def of(self, account: int, bucket: str = "available") -> int:
        return self.held.get((account, bucket), 0)

    def post(self, entries: Iterable[Entry]) -> dict[str, int]:
        """Returns what clawback was charged, by payment."""
        charged: dict[str, int] = {}
        for entry in entries:
            assert entry.key not in self.keys, f"{entry.key} is posted twice"
            self.keys.add(entry.key)
            for posting in entry.postings:
                where = posting.account, str(posting.bucket)
                held = self.held.get(where, 0)
                lacking = max(0, -posting.amount - held) if posting.account >= 0 else 0
                assert entry.clawback or not lacking, f"{entry} is not covered"
                self.held[where] = held + posting.amount + lacking
                self.held[CLAWBACK, "available"] = self.of(CLAWBACK) - lacking
                if lacking:
                    charged[entry.cause[1]] = lacking
        return charged


@dataclass
class Simulation:
    """The changes under test beside the chain as a list of blocks, each a list of txids."""

    spare: int = 10 * COIN
    chain: list[list[bytes]] = field(default_factory=list)
    books: Books = field(default_factory=Books)
    told: list[tuple[str, int]] = field(default_factory=list)
    back: Counter[int] = field(default_factory=Counter)
    """What was told of each payment's money: 1 where it came back, 0 where it goes out."""
    gone: int = 0
    """What the customer has spent elsewhere."""
    final: dict[bytes, int] = field(default_factory=dict)
    """Since when, by the height of its block, a spender is deep enough: undone only with that block."""

    def __post_init__(self) -> None:
        self.changes = OwnTransactionEffects(sendings(), CONFIRMATIONS)
        place = AddressOwner(OWNER.id, 1, 0, "change", "ours")
        self.coins = {
            coin: Coin(coin, place, Koinu(COIN), coinbase=False, height=0)
            for coins in INPUTS.values()
            for coin in coins
        }
        reserved = (AMOUNT + FEE) * sum(map(len, PAYMENTS.values()))
        self.owned = reserved + self.spare
        self.books.held = {
            (OWNER.id, "outgoing"): reserved,
            (OWNER.id, "available"): self.spare,
            (WORLD, "available"): -self.owned,
        }

    @property
    def spent(self) -> dict[Outpoint, bytes]:
        return {outpoint: by for block in self.chain for by in block for outpoint in SPENDS[by]}

    def possible(self, spender: bytes) -> bool:
        orphan = spender in PARENTS and not any(PARENTS[spender] in block for block in self.chain)
        return not orphan and not any(outpoint in self.spent for outpoint in SPENDS[spender])

    def connect(self, *spenders: bytes) -> None:
        height = len(self.chain) + 1
        step = Step(height)
        self.chain.append(list(spenders))
        for by in spenders:
            for outpoint in SPENDS[by]:
                self._spend(step, outpoint, by)
        self.changes.overtake((), {}, step)
        self.changes.settle(height, step)
        for at, block in enumerate(self.chain, 1):
            if at + CONFIRMATIONS - 1 <= height:
                self.final |= dict.fromkeys(block, at)
        self._end(step)

    def disconnect(self) -> None:
        height = len(self.chain)
        step = Step(height)
        for outpoint, coin in self.coins.items():
            if coin.spent_height == height and coin.spent_by is not None:
                if coin.spent_by not in self.changes:
                    step.entries.append(coin.entry(back=True))
                self.coins[outpoint] = coin.unspent()
        self.changes.disconnect(height, step)
        self.chain.pop()
        self.final = {by: at for by, at in self.final.items() if at != height}
        self._end(step)

    def _spend(self, step: Step, outpoint: Outpoint, by: bytes) -> None:
        coin = self.coins[outpoint] = self.coins[outpoint].spent(step.height, by)
        if self.changes.spend(outpoint, by, step) is None:
            step.entries.append(coin.entry(back=False))

    def _end(self, step: Step) -> None:
        self.changes.charge(self.books.post(step.entries))
        self.told += [(event, one.id) for event, one in step.sent if event != TURNED]
        for event, one in step.sent:
            self.back[one.id] += 0 if event != TURNED else 1 if one.is_returned else -1

    def spend_all(self) -> None:
        """The customer spends what there is."""
        self.gone += self.books.of(OWNER.id)
        self.books.held[OWNER.id, "available"] = 0

    def owed(self) -> dict[int, int]:
        """What each payment owes; the transactions that share one agree on it."""
        found = {(one.id, one.owed) for sending in self.changes.sendings.values() for one in sending.payments}
        assert len(found) == len(dict(found)), found
        return dict(found)

    def states(self) -> dict[int, str]:
        """The payments' states; the transactions that share one agree on it."""
        found: dict[int, set[str]] = {}
        for one in self.changes.sendings.values():
            for carried in one.payments:
                found.setdefault(carried.id, set()).add(carried.state)
        assert all(len(states) == 1 for states in found.values()), found
        return {number: next(iter(states)) for number, states in found.items()}

    def expected(self) -> dict[int, str]:
        """What becomes of each payment, from the chain alone; LIVE where nothing is decided."""
        return {one: self._fate(number) for number, carried in PAYMENTS.items() for one in carried}

    def _fate(self, number: int) -> str:
        if txid(number) in self.final:
            return "CONFIRMED"
        if number == FIRST and txid(CANCEL) in self.final:
            return "VOIDED"
        ways = [FIRST, CANCEL] if number == FIRST else [number]
        lost = [any(by in self.final and by != txid(way) for by in self._spenders(way)) for way in ways]
        parent = PARENTS.get(txid(number))
        orphaned = parent is not None and self._fate(NAMES[parent]) == "FAILED"
        return "FAILED" if orphaned or all(lost) else "LIVE"

    def _spenders(self, number: int) -> list[bytes]:
        return [by for outpoint, by in self.spent.items() if outpoint in INPUTS[number]]

    def check(self) -> None:
        """The states are what the chain says, and so is every bucket, to the koinu."""
        expected, states = self.expected(), self.states()
        live = ("PROCESSING", "BROADCAST", "CANCELLING")
        assert {n: "LIVE" if state in live else state for n, state in states.items()} == expected
        assert {n: int(state in RETURNED) for n, state in states.items()} == {n: self.back[n] for n in states}
        total = AMOUNT + FEE
        fates = list(expected.values())
        unknown = sum(COIN for by in self.spent.values() if by not in NAMES)
        assert self.books.of(OWNER.id, "outgoing") == total * fates.count("LIVE")
        back = total * fates.count("FAILED") + (total - VOID_FEE) * fates.count("VOIDED")
        owed = self.owed()
        assert self.books.of(OWNER.id) == self.spare + back - self.gone + sum(owed.values())
        assert self.books.of(CLAWBACK) == -unknown - sum(owed.values())
        assert all(
            owed[number] <= (VOID_FEE if fate == "VOIDED" else 0)
            for number, fate in expected.items()
            if fate in ("FAILED", "VOIDED")
        )
        assert self.books.of(NETWORK_FEES) == FEE * fates.count("CONFIRMED") + VOID_FEE * fates.count(
            "VOIDED"
        )
        assert self.books.of(WORLD) == -self.owned + unknown + AMOUNT * fates.count("CONFIRMED")

    def deepen(self, number: int = CONFIRMATIONS - 1) -> None:
        for _ in range(number):
            self.connect()


def stranger(coin: int) -> bytes:
    return bytes([200 + coin]) * 32


@pytest.fixture
def simulation() -> Simulation:
    return Simulation()


def test_a_mined_payment_is_confirmed_when_it_is_deep_enough(simulation: Simulation) -> None:
    simulation.connect(txid(SECOND))
    assert simulation.told == [("PAYMENT_ON_CHAIN", 12)]
    simulation.deepen(CONFIRMATIONS - 2)
    assert simulation.states()[12] == "BROADCAST"
    simulation.deepen(1)

    assert simulation.states()[12] == "CONFIRMED"
    assert simulation.told == [("PAYMENT_ON_CHAIN", 12), ("PAYMENT_CONFIRMED", 12)]
    simulation.check()


def test_a_settled_payment_whose_block_goes_is_on_its_way_again_and_settles_again(
    simulation: Simulation,
) -> None:
    simulation.connect(txid(SECOND))
    simulation.deepen()
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()
    assert simulation.states()[12] == "BROADCAST"
    assert simulation.told[-1] == ("PAYMENT_UNCONFIRMED", 12)
    simulation.check()

    simulation.connect(txid(SECOND))
    simulation.deepen()
    assert simulation.states()[12] == "CONFIRMED"
    simulation.check()


def test_a_payment_whose_coin_another_spends_is_released_only_when_that_is_deep(
    simulation: Simulation,
) -> None:
    simulation.connect(stranger(1))
    simulation.deepen(CONFIRMATIONS - 2)
    assert (simulation.states()[11], simulation.told) == ("CANCELLING", [])
    simulation.connect(stranger(0))  # what cancels it is overtaken as well
    simulation.deepen()

    assert simulation.states()[11] == "FAILED"
    assert simulation.told == [("PAYMENT_FAILED", 11)]
    simulation.check()


def test_all_payments_of_a_transaction_share_its_fate(simulation: Simulation) -> None:
    simulation.connect(stranger(3))
    simulation.deepen()

    assert (simulation.states()[13], simulation.states()[14]) == ("FAILED", "FAILED")
    simulation.check()


def test_what_was_built_on_a_payment_that_can_no_longer_happen_falls_and_rises_with_it(
    simulation: Simulation,
) -> None:
    simulation.connect(stranger(2))
    simulation.deepen()
    assert [simulation.states()[number] for number in (12, 15, 16)] == ["FAILED"] * 3
    simulation.check()
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()

    assert [simulation.states()[number] for number in (12, 15, 16)] == ["BROADCAST"] * 3
    simulation.check()


def test_a_released_payment_that_is_mined_after_all_is_paid_once(simulation: Simulation) -> None:
    simulation.connect(stranger(2))
    simulation.deepen()
    assert simulation.states()[12] == "FAILED"
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()
    assert simulation.states()[12] == "BROADCAST"
    simulation.check()

    simulation.connect(txid(SECOND))
    simulation.deepen()
    assert simulation.states()[12] == "CONFIRMED"
    simulation.check()


def test_a_cancellation_that_wins_voids_the_payment_at_the_cost_of_its_fee(simulation: Simulation) -> None:
    simulation.connect(txid(CANCEL))
    simulation.deepen()

    assert simulation.states()[11] == "VOIDED"
    assert simulation.told == [("PAYMENT_VOIDED", 11)]
    simulation.check()


def test_a_cancellation_that_loses_changes_nothing(simulation: Simulation) -> None:
    simulation.connect(txid(FIRST))
    simulation.deepen()

    assert simulation.states()[11] == "CONFIRMED"
    assert simulation.told == [("PAYMENT_ON_CHAIN", 11), ("PAYMENT_CONFIRMED", 11)]
    simulation.check()


@pytest.mark.parametrize(("first", "then"), [(FIRST, CANCEL), (CANCEL, FIRST)])
def test_what_won_can_lose_after_a_deep_reorg(simulation: Simulation, first: int, then: int) -> None:
    simulation.connect(txid(first))
    simulation.deepen()
    simulation.check()
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()
    simulation.check()

    simulation.connect(txid(then))
    simulation.check()
    simulation.deepen()
    simulation.check()
    assert simulation.states()[11] == ("VOIDED" if then == CANCEL else "CONFIRMED")


def test_a_cancellation_that_comes_back_to_life_sets_the_payment_aside_again(simulation: Simulation) -> None:
    simulation.connect(stranger(1))
    simulation.connect(stranger(0))
    simulation.deepen()
    assert simulation.states()[11] == "FAILED"
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()

    assert simulation.states()[11] == "CANCELLING"
    simulation.check()
    simulation.connect(txid(CANCEL))
    simulation.deepen()
    assert simulation.states()[11] == "VOIDED"
    simulation.check()


def test_a_voided_payment_that_is_mined_after_its_money_was_spent_is_charged_to_clawback(
    simulation: Simulation,
) -> None:
    simulation.connect(txid(CANCEL))
    simulation.deepen()
    simulation.spend_all()
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()

    simulation.connect(txid(FIRST))
    simulation.deepen()

    assert simulation.states()[11] == "CONFIRMED"
    assert simulation.books.of(OWNER.id, "outgoing") == (AMOUNT + FEE) * 5
    assert simulation.books.of(CLAWBACK) == -(AMOUNT + FEE - VOID_FEE)
    simulation.check()


def test_a_released_payment_that_rose_after_its_money_was_spent_repays_clawback_when_it_falls_again(
    simulation: Simulation,
) -> None:
    simulation.connect(stranger(2))
    simulation.deepen()
    simulation.spend_all()
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()
    total = AMOUNT + FEE
    assert simulation.books.of(CLAWBACK) == -3 * total
    assert [simulation.owed()[number] for number in (11, 12, 15, 16)] == [0, total, total, total]

    simulation.connect(stranger(2))
    simulation.deepen()

    assert (simulation.books.of(OWNER.id), simulation.books.of(CLAWBACK)) == (0, -COIN)
    simulation.check()


def test_a_cancellation_repays_clawback_before_it_gives_anything_back(simulation: Simulation) -> None:
    simulation.connect(stranger(1))
    simulation.connect(stranger(0))
    simulation.deepen()
    simulation.spend_all()
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()
    simulation.connect(txid(CANCEL))
    simulation.deepen()

    assert (simulation.books.of(OWNER.id), simulation.books.of(CLAWBACK)) == (0, -VOID_FEE - COIN)
    assert simulation.owed()[11] == VOID_FEE
    simulation.check()
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()
    assert simulation.owed()[11] == AMOUNT + FEE
    simulation.check()


@pytest.mark.parametrize(("kind", "state"), [("paytx", "PROCESSING"), ("pay", "CANCELLING")])
def test_what_we_do_not_send_waits_for_its_caller_or_is_cancelled_when_it_rises_again(
    simulation: Simulation, kind: str, state: str
) -> None:
    second = simulation.changes.sendings[SECOND]
    kept = replace(second, sends=False, payments=tuple(replace(one, kind=kind) for one in second.payments))
    simulation.changes.sendings[SECOND] = kept
    simulation.connect(stranger(2))
    simulation.deepen()
    assert simulation.states()[12] == "FAILED"
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()

    assert simulation.states()[12] == state
    simulation.check()


SPENT = st.just("the customer spends all")
MOVES = st.lists(
    st.one_of(st.integers(-4, -1), st.sets(st.sampled_from(sorted(SPENDS)), max_size=3), SPENT), max_size=25
)


@settings(max_examples=200, deadline=None)
@given(MOVES)
def test_payments_end_as_the_chain_says_whatever_it_does(moves: list[int | set[bytes] | str]) -> None:
    """A number goes back so many blocks; a set is a block with those of its transactions that are possible."""
    simulation = Simulation()
    for move in moves:
        if isinstance(move, str):
            simulation.spend_all()
            continue
        if isinstance(move, int):
            for _ in range(min(-move, len(simulation.chain))):
                simulation.disconnect()
                simulation.check()
            continue
        chosen: list[bytes] = []
        for by in sorted(move):
            taken = {outpoint for one in chosen for outpoint in SPENDS[one]}
            if simulation.possible(by) and not taken & set(SPENDS[by]):
                chosen.append(by)
        simulation.connect(*chosen)
        simulation.check()


class Counted(dict[int, OwnTransaction]):
    """Counts how often one of them is looked at, alone or with all others."""

    looks = 0

    def __getitem__(self, number: int) -> OwnTransaction:
        self.looks += 1
        return super().__getitem__(number)

    def __iter__(self) -> Iterator[int]:
        self.looks += len(self)
        return super().__iter__()

    def values(self) -> ValuesView[OwnTransaction]:  # type: ignore[override]
        self.looks += len(self)
        return super().values()


def test_what_a_block_does_to_our_transactions_costs_what_it_touches_however_many_a_batch_has() -> None:
    blocks, in_each = 40, 20
    sent = sendings()[SECOND]
    ours = Counted(
        {
            number: replace(
                sent, id=number, txid=number.to_bytes(32), inputs=frozenset({Outpoint(number.to_bytes(32, "big"), 1)}),
                payments=(payment(number, number, "BROADCAST"),),
            )
            for number in range(1, blocks * in_each + 1)
        }
    )  # fmt: skip
    changes = OwnTransactionEffects(ours, CONFIRMATIONS)
    ours.looks = 0

    for height in range(1, blocks + CONFIRMATIONS):
        step = Step(height)
        for number in range((height - 1) * in_each + 1, min(height, blocks) * in_each + 1):
            changes.spend(Outpoint(number.to_bytes(32, "big"), 1), number.to_bytes(32), step)
        changes.overtake((), {}, step)
        changes.settle(height, step)

    assert {sending.state for sending in changes.sendings.values()} == {"settled"}
    assert ours.looks < 50 * len(ours)
