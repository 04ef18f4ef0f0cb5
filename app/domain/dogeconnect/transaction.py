"""A transaction that a wallet submits, and what the relay asks of it. The scripts are left to the node."""

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

from app.domain.dogecoin import BadAddress, Network, Outpoint, UnspentOutput, to_script
from app.domain.dogeconnect.envelope import still_due
from app.domain.invoices import Invoice
from app.domain.payments import Policy, fees
from app.domain.refusals import Conflict, Invalid
from app.money import Koinu, show

_LOWEST_IMPOSSIBLE_VOUT: Final = 2**31


class InvalidTransaction(Invalid):
    """{reason}"""  # noqa: D400, D415  the reason is the sentence

    code: ClassVar[str | None] = "invalid_tx"


class InvalidOutputs(Invalid):
    """The transaction pays {paid} to {address}, and {due} are due."""

    code: ClassVar[str | None] = "invalid_outputs"


class InvalidToken(Invalid):
    """The relay_token is not the one of the payment request."""

    code: ClassVar[str | None] = "invalid_token"


class Declined(Conflict):
    """{reason}"""  # noqa: D400, D415  the reason is the sentence


class NoCoin(Declined):
    """The coin {coin} is unknown or spent."""


class NewCoin(Declined):
    """The coin {coin} was mined too lately to be spent."""


class LowFee(Declined):
    """The transaction pays a fee of {fee}, and needs {needed}."""


class WalletTransaction(NamedTuple):
    """What a wallet has signed; the outputs are amounts in koinu and scripts."""

    txid: bytes
    raw: bytes
    inputs: tuple[Outpoint, ...]
    outputs: tuple[tuple[Koinu, bytes], ...]


def check_refund(network: Network, address: str) -> None:
    """Refuse with InvalidTransaction an address that cannot be paid."""
    try:
        to_script(network, address)
    except BadAddress as error:
        raise InvalidTransaction(reason=f"refund: {error}", field="refund") from None


def output_to(network: Network, invoice: Invoice, transaction: WalletTransaction) -> Outpoint:
    """Return the first output that pays the invoice; refuse with InvalidOutputs what pays too little."""
    script = to_script(network, invoice.address)
    paid = [(vout, value) for vout, (value, to) in enumerate(transaction.outputs) if to == script]
    amount, due = sum(value for _, value in paid), still_due(invoice)
    if amount < due or not paid:
        raise InvalidOutputs(paid=show(amount), due=show(due), address=invoice.address)
    return Outpoint(transaction.txid, paid[0][0])


def check_inputs(transaction: WalletTransaction) -> None:
    """Refuse with InvalidTransaction what no block can hold, whatever coins there are."""
    if len(set(transaction.inputs)) < len(transaction.inputs):
        raise InvalidTransaction(reason="The transaction spends an output twice.")
    if any(spent.vout >= _LOWEST_IMPOSSIBLE_VOUT for spent in transaction.inputs):
        raise InvalidTransaction(reason="The transaction spends what is no output of another one.")


def check_coins(
    network: Network, transaction: WalletTransaction, coins: Sequence[UnspentOutput | None], policy: Policy
) -> None:
    """Refuse with Declined where the `coins` of the inputs are not all there, or leave too low a fee."""
    for spent, coin in zip(transaction.inputs, coins, strict=True):
        if coin is None:
            raise NoCoin(coin=spent)
        if coin.coinbase and coin.confirmations < network.late_maturity:
            raise NewCoin(coin=spent)
    left = sum(coin.value for coin in coins if coin) - sum(value for value, _ in transaction.outputs)
    needed = fees.fee(len(transaction.raw), policy.floor)
    if left < needed:
        raise LowFee(fee=show(left), needed=show(needed))
