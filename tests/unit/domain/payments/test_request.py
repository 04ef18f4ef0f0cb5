"""Requests for payments: which are in order, and the fees that they allow."""

from typing import Any

import pytest

from app.domain import dogecoin
from app.domain.dogecoin import MAIN, REGTEST
from app.domain.payments import PAYEES, Payee, PayOrder, fees
from app.domain.refusals import Invalid, Refusal
from app.money import DUST, MAX_MONEY, Koinu
from tests.scenario import doge

ADDRESS = dogecoin.to_address(REGTEST, dogecoin.p2pkh(bytes(20))) or ""


def payee(number: int = 0, amount: int = DUST, share: int = 0) -> Payee:
    script = dogecoin.p2pkh(number.to_bytes(20, "big"))
    return Payee.of(REGTEST, "", dogecoin.to_address(REGTEST, script) or "", Koinu(amount), share)


def order(*payees: Payee, **terms: Any) -> PayOrder:
    return PayOrder("shop", payees or (payee(),), **terms)


def test_an_output_knows_its_script() -> None:
    output = Payee.of(REGTEST, "", ADDRESS, doge(1))

    assert (output.script, output.amount, output.share) == (dogecoin.p2pkh(bytes(20)), doge(1), 0)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        ADDRESS[:-1],
        ADDRESS + "1",
        ADDRESS.lower(),
        dogecoin.to_address(MAIN, dogecoin.p2pkh(bytes(20))),
    ],
)
def test_what_is_no_address_of_the_network_is_refused_by_its_field(address: str) -> None:
    with pytest.raises(Invalid) as refused:
        Payee.of(REGTEST, "pay.3.", address, doge(1))

    assert refused.value.field == "pay.3.to"


@pytest.mark.parametrize("amount", [-1, 0, 1, DUST - 1, MAX_MONEY + 1])
def test_an_amount_that_no_output_can_have_is_refused_by_its_field(amount: int) -> None:
    with pytest.raises(Invalid) as refused:
        Payee.of(REGTEST, "pay.3.", ADDRESS, Koinu(amount))

    assert refused.value.field == "pay.3.amount"
    assert "0.01" in str(refused.value)


@pytest.mark.parametrize("amount", [DUST, MAX_MONEY])
def test_the_least_and_the_most_can_be_paid(amount: int) -> None:
    assert order(payee(amount=amount)).amount == amount


@pytest.mark.parametrize("number", [0, PAYEES + 1])
def test_a_payment_has_outputs_and_not_too_many(number: int) -> None:
    with pytest.raises(Invalid) as refused:
        PayOrder("shop", tuple(payee(n) for n in range(number)))

    assert refused.value.field == "pay"
    assert order(*(payee(n) for n in range(PAYEES))).amount == PAYEES * DUST


def test_an_address_that_is_named_twice_is_paid_twice() -> None:
    assert order(payee(1), payee(2), payee(1, doge(5))).amount == 2 * DUST + doge(5)


def test_outputs_that_together_are_more_than_there_is_are_refused() -> None:
    with pytest.raises(Invalid) as refused:
        order(payee(1, MAX_MONEY), payee(2))

    assert refused.value.field == "pay"


@pytest.mark.parametrize("percent", [(50, 49), (101, 0), (100, 1)])
def test_shares_of_the_fee_are_a_hundred_percent_or_none(percent: tuple[int, int]) -> None:
    shares = [share * fees.PERCENT for share in percent]
    with pytest.raises(Invalid) as refused:
        order(payee(1, share=shares[0]), payee(2, share=shares[1]))

    assert refused.value.field == "deduct_fee_percent"
    assert order(payee(1, share=40 * fees.PERCENT), payee(2, share=60 * fees.PERCENT)).deducts
    assert not order(payee(1), payee(2)).deducts


def test_a_fee_is_at_most_what_is_said_explicitly_then_the_limit_then_one_doge() -> None:
    assert order().largest_fee == doge(1)
    assert order(max_fee=doge(3)).largest_fee == doge(3)
    assert order(max_fee=doge(3), explicit_fee=doge(2)).largest_fee == doge(2)
    assert order(max_fee=doge(1000)).largest_fee == fees.HIGHEST_FEE


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"explicit_fee": Koinu(1)}, "explicit_fee"),
        ({"max_fee": Koinu(191_999)}, "max_fee"),
        ({"explicit_fee": Koinu(fees.HIGHEST_FEE + 1)}, "explicit_fee"),
        ({"explicit_fee": Koinu(-1)}, "explicit_fee"),
        ({"max_fee": Koinu(-1)}, "max_fee"),
        ({"explicit_fee": Koinu(200_001), "max_fee": Koinu(200_000)}, "explicit_fee"),
    ],
)
def test_a_fee_that_is_not_mined_or_absurd_or_above_its_limit_is_refused_by_its_field(
    terms: dict[str, Koinu], field: str
) -> None:
    with pytest.raises(Refusal) as refused:
        order(**terms)

    assert refused.value.field == field


def test_the_least_fee_is_that_of_one_input_and_no_change() -> None:
    assert order().least_fee == 192_000
    assert order(max_fee=Koinu(192_000)).largest_fee == 192_000
