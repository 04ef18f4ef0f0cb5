"""The effects of blocks on our transactions, against a model that knows only the chain's transactions."""

from collections import Counter
from collections.abc import Iterable, Iterator, ValuesView
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.tables import CLAWBACK, NETWORK_FEES, WORLD
from app.domain import dogecoin
from app.domain.blocks import OwnAddress
from app.domain.blocks.deposits import Coin
from app.domain.blocks.own_transaction_effects import FLOW, OwnTransactionEffects
from app.domain.blocks.own_transactions import OwnTransaction
from app.domain.dogecoin import REGTEST, Outpoint
from app.domain.ledger import Entry
from app.domain.owner import Owner
from app.domain.payments import RETURNED, Payment, PaymentOutput
from app.money import Koinu

CONFIRMATIONS = 3
OWNER = Owner(1, "shop", "address")
AMOUNT, FEE, VOID_FEE = 1000, 10, 4
COINS = [Outpoint(bytes([number]) * 32, 0) for number in range(5)]
COIN = 700
FIRST, SECOND, CANCEL, BATCH, CHILD, LAST = 1, 2, 3, 4, 5, 6


def txid(number: int) -> bytes:
    return bytes([100 + number]) * 32


INPUTS = {
    FIRST: COINS[:2],
    SECOND: COINS[2:3],
    CANCEL: COINS[:1],
    BATCH: COINS[3:],
    CHILD: [Outpoint(txid(SECOND), 1)],
    LAST: [Outpoint(txid(CHILD), 1)],
}
"""The cancellation and the first both spend one coin; an unknown transaction can spend each coin too."""
PARENTS = {txid(CHILD): txid(SECOND), txid(LAST): txid(CHILD)}
PAYMENTS = {FIRST: (11,), SECOND: (12,), BATCH: (13, 14), CHILD: (15,), LAST: (16,)}


STRANGERS = {bytes([200 + number]) * 32: [coin] for number, coin in enumerate(COINS)}
SPENDS = {txid(number): inputs for number, inputs in INPUTS.items()} | STRANGERS
NAMES = {txid(number): number for number in INPUTS}


def payment(number: int, transaction: int, state: str) -> Payment:
    total = AMOUNT + FEE
    return Payment(
        owner=OWNER, id=number, kind="pay", state=state, amount=Koinu(AMOUNT), reserved=Koinu(total),
        explicit_fee=Koinu(0), max_fee=Koinu(0), paid=Koinu(AMOUNT), fee=Koinu(FEE),
        transaction_id=transaction, batch=False, reference="", error="",
        created=datetime(2024, 1, 1, tzinfo=UTC),
        outputs=(PaymentOutput("to", b"", Koinu(AMOUNT), 0, Koinu(AMOUNT)),),
    )  # fmt: skip


def own_transactions() -> dict[int, OwnTransaction]:
    """Transactions that were sent: the third cancels the first, the last two spend change of one before."""
    transactions = {}
    for number, inputs in INPUTS.items():
        replaces = FIRST if number == CANCEL else None
        ids = PAYMENTS.get(number, PAYMENTS[FIRST])
        state = "CANCELLING" if number in (FIRST, CANCEL) else "BROADCAST"
        transactions[number] = OwnTransaction(
            id=number, txid=txid(number), fee=Koinu(VOID_FEE if replaces else FEE * len(ids)),
            replaces=replaces, broadcast_by_us=True, state="sent", height=None, confirm_height=None,
            conflict_height=None, mined_count=0, inputs=frozenset(inputs), pays=replaces is None,
            payments=tuple(payment(payment_id, replaces or number, state) for payment_id in ids),
        )  # fmt: skip
    return transactions


@dataclass
class Step:
    height: int
    entries: list[Entry] = field(default_factory=list)
    payment_events: list[tuple[str, Payment]] = field(default_factory=list)


@dataclass
class Balances:
    """Balances as sums; an entry that is posted twice is refused."""

    held: dict[tuple[int, str], int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)

    def of(self, account: int, bucket: str = "available") -> int:
        return self.held.get((account, bucket), 0)

    def post(self, entries: Iterable[Entry]) -> dict[str, int]:
        """Post entries; returns what clawback was charged, by payment."""
        charged: dict[str, int] = {}
        for entry in entries:
            assert entry.key not in self.keys, f"{entry.key} is posted twice"
            self.keys.add(entry.key)
            for posting in entry.postings:
                key = posting.account, str(posting.bucket)
                held = self.held.get(key, 0)
                lacking = max(0, -posting.amount - held) if posting.account >= 0 else 0
                assert entry.clawback or not lacking, f"{entry} is not covered"
                self.held[key] = held + posting.amount + lacking
                self.held[CLAWBACK, "available"] = self.of(CLAWBACK) - lacking
                if lacking:
                    charged[entry.cause[1]] = lacking
        return charged


@dataclass
class Simulation:
    """The effects under test, beside the chain as a list of blocks, each a list of txids."""

    spare: int = 10 * COIN
    chain: list[list[bytes]] = field(default_factory=list)
    balances: Balances = field(default_factory=Balances)
    events: list[tuple[str, int]] = field(default_factory=list)
    back: Counter[int] = field(default_factory=Counter)
    """By the events of each payment's money: 1 where it came back, 0 where it goes out."""
    gone: int = 0
    """What the customer has spent elsewhere."""
    final: dict[bytes, int] = field(default_factory=dict)
    """The spenders that are deep enough, by the height of their block: undone only with that block."""

    def __post_init__(self) -> None:
        self.effects = OwnTransactionEffects(own_transactions(), CONFIRMATIONS)
        address = OwnAddress(OWNER.id, 1, 0, "change", REGTEST, dogecoin.p2pkh(bytes(20)))
        self.coins = {
            coin: Coin(coin, address, Koinu(COIN), coinbase=False, height=0)
            for coins in INPUTS.values()
            for coin in coins
        }
        reserved = (AMOUNT + FEE) * sum(map(len, PAYMENTS.values()))
        self.liabilities = reserved + self.spare
        self.balances.held = {
            (OWNER.id, "outgoing"): reserved,
            (OWNER.id, "available"): self.spare,
            (WORLD, "available"): -self.liabilities,
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
        self.effects.conflict((), {}, step)
        self.effects.settle(height, step)
        for at, block in enumerate(self.chain, 1):
            if at + CONFIRMATIONS - 1 <= height:
                self.final |= dict.fromkeys(block, at)
        self._end(step)

    def disconnect(self) -> None:
        height = len(self.chain)
        step = Step(height)
        for outpoint, coin in self.coins.items():
            if coin.spent_height == height and coin.spent_by is not None:
                if coin.spent_by not in self.effects:
                    step.entries.append(coin.entry(back=True))
                self.coins[outpoint] = coin.unspent()
        self.effects.disconnect(height, step)
        self.chain.pop()
        self.final = {by: at for by, at in self.final.items() if at != height}
        self._end(step)

    def _spend(self, step: Step, outpoint: Outpoint, by: bytes) -> None:
        coin = self.coins[outpoint] = self.coins[outpoint].spent(step.height, by)
        if self.effects.spend(outpoint, by, step) is None:
            step.entries.append(coin.entry(back=False))

    def _end(self, step: Step) -> None:
        self.effects.charge(self.balances.post(step.entries))
        self.events += [(event, paid.id) for event, paid in step.payment_events if event != FLOW]
        for event, paid in step.payment_events:
            self.back[paid.id] += 0 if event != FLOW else 1 if paid.is_returned else -1

    def spend_all(self) -> None:
        """Let the customer spend all that is available."""
        self.gone += self.balances.of(OWNER.id)
        self.balances.held[OWNER.id, "available"] = 0

    def owed(self) -> dict[int, int]:
        """What each payment owes; the transactions that share a payment agree."""
        owed = {
            (paid.id, paid.clawback_debt)
            for transaction in self.effects.transactions.values()
            for paid in transaction.payments
        }
        assert len(owed) == len(dict(owed)), owed
        return dict(owed)

    def states(self) -> dict[int, str]:
        """The payments' states; the transactions that share a payment agree."""
        by_payment: dict[int, set[str]] = {}
        for transaction in self.effects.transactions.values():
            for paid in transaction.payments:
                by_payment.setdefault(paid.id, set()).add(paid.state)
        assert all(len(states) == 1 for states in by_payment.values()), by_payment
        return {number: next(iter(states)) for number, states in by_payment.items()}

    def expected(self) -> dict[int, str]:
        """The end of each payment from the chain alone; LIVE where nothing is decided."""
        return {
            payment_id: self._fate(number)
            for number, payment_ids in PAYMENTS.items()
            for payment_id in payment_ids
        }

    def _fate(self, number: int) -> str:
        if txid(number) in self.final:
            return "CONFIRMED"
        if number == FIRST and txid(CANCEL) in self.final:
            return "VOIDED"
        versions = [FIRST, CANCEL] if number == FIRST else [number]
        lost = [
            any(by in self.final and by != txid(version) for by in self._spenders(version))
            for version in versions
        ]
        parent = PARENTS.get(txid(number))
        orphaned = parent is not None and self._fate(NAMES[parent]) == "FAILED"
        return "FAILED" if orphaned or all(lost) else "LIVE"

    def _spenders(self, number: int) -> list[bytes]:
        return [by for outpoint, by in self.spent.items() if outpoint in INPUTS[number]]

    def check(self) -> None:
        """Assert that the states, and every bucket to the koinu, are what the chain says."""
        expected, states = self.expected(), self.states()
        live = ("PROCESSING", "BROADCAST", "CANCELLING")
        assert {n: "LIVE" if state in live else state for n, state in states.items()} == expected
        assert {n: int(state in RETURNED) for n, state in states.items()} == {n: self.back[n] for n in states}
        total = AMOUNT + FEE
        fates = list(expected.values())
        unknown = sum(COIN for by in self.spent.values() if by not in NAMES)
        assert self.balances.of(OWNER.id, "outgoing") == total * fates.count("LIVE")
        back = total * fates.count("FAILED") + (total - VOID_FEE) * fates.count("VOIDED")
        owed = self.owed()
        assert self.balances.of(OWNER.id) == self.spare + back - self.gone + sum(owed.values())
        assert self.balances.of(CLAWBACK) == -unknown - sum(owed.values())
        assert all(
            owed[number] <= (VOID_FEE if fate == "VOIDED" else 0)
            for number, fate in expected.items()
            if fate in ("FAILED", "VOIDED")
        )
        assert self.balances.of(NETWORK_FEES) == FEE * fates.count("CONFIRMED") + VOID_FEE * fates.count(
            "VOIDED"
        )
        assert self.balances.of(WORLD) == -self.liabilities + unknown + AMOUNT * fates.count("CONFIRMED")

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
    assert simulation.events == [("PAYMENT_ON_CHAIN", 12)]
    simulation.deepen(CONFIRMATIONS - 2)
    assert simulation.states()[12] == "BROADCAST"
    simulation.deepen(1)

    assert simulation.states()[12] == "CONFIRMED"
    assert simulation.events == [("PAYMENT_ON_CHAIN", 12), ("PAYMENT_CONFIRMED", 12)]
    simulation.check()


def test_a_settled_payment_whose_block_goes_is_on_its_way_again_and_settles_again(
    simulation: Simulation,
) -> None:
    simulation.connect(txid(SECOND))
    simulation.deepen()
    for _ in range(CONFIRMATIONS):
        simulation.disconnect()
    assert simulation.states()[12] == "BROADCAST"
    assert simulation.events[-1] == ("PAYMENT_UNCONFIRMED", 12)
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
    assert (simulation.states()[11], simulation.events) == ("CANCELLING", [])
    simulation.connect(stranger(0))  # the cancellation is in conflict too
    simulation.deepen()

    assert simulation.states()[11] == "FAILED"
    assert simulation.events == [("PAYMENT_FAILED", 11)]
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
    assert simulation.events == [("PAYMENT_VOIDED", 11)]
    simulation.check()


def test_a_cancellation_that_loses_changes_nothing(simulation: Simulation) -> None:
    simulation.connect(txid(FIRST))
    simulation.deepen()

    assert simulation.states()[11] == "CONFIRMED"
    assert simulation.events == [("PAYMENT_ON_CHAIN", 11), ("PAYMENT_CONFIRMED", 11)]
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
    assert simulation.balances.of(OWNER.id, "outgoing") == (AMOUNT + FEE) * 5
    assert simulation.balances.of(CLAWBACK) == -(AMOUNT + FEE - VOID_FEE)
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
    assert simulation.balances.of(CLAWBACK) == -3 * total
    assert [simulation.owed()[number] for number in (11, 12, 15, 16)] == [0, total, total, total]

    simulation.connect(stranger(2))
    simulation.deepen()

    assert (simulation.balances.of(OWNER.id), simulation.balances.of(CLAWBACK)) == (0, -COIN)
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

    assert (simulation.balances.of(OWNER.id), simulation.balances.of(CLAWBACK)) == (0, -VOID_FEE - COIN)
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
    second = simulation.effects.transactions[SECOND]
    paid = tuple(payment._replace(kind=kind) for payment in second.payments)
    unsent = second._replace(broadcast_by_us=False, payments=paid)
    simulation.effects.transactions[SECOND] = unsent
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
    """A number disconnects so many blocks; a set is a block of its transactions that are possible."""
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
            taken = {outpoint for other in chosen for outpoint in SPENDS[other]}
            if simulation.possible(by) and not taken & set(SPENDS[by]):
                chosen.append(by)
        simulation.connect(*chosen)
        simulation.check()


class Counted(dict[int, OwnTransaction]):
    """Counts how often a transaction is read, alone or with all others."""

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
    sent = own_transactions()[SECOND]
    ours = Counted(
        {
            number: sent._replace(
                id=number, txid=number.to_bytes(32),
                inputs=frozenset({Outpoint(number.to_bytes(32, "big"), 1)}),
                payments=(payment(number, number, "BROADCAST"),),
            )
            for number in range(1, blocks * in_each + 1)
        }
    )  # fmt: skip
    effects = OwnTransactionEffects(ours, CONFIRMATIONS)
    ours.looks = 0

    for height in range(1, blocks + CONFIRMATIONS):
        step = Step(height)
        for number in range((height - 1) * in_each + 1, min(height, blocks) * in_each + 1):
            effects.spend(Outpoint(number.to_bytes(32, "big"), 1), number.to_bytes(32), step)
        effects.conflict((), {}, step)
        effects.settle(height, step)

    assert {transaction.state for transaction in effects.transactions.values()} == {"settled"}
    assert ours.looks < 50 * len(ours)
