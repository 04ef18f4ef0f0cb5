"""Payments: requests, fees, coins, signing, broadcast, voiding, payouts, and the pause."""

from app.domain.payments.broadcast import states
from app.domain.payments.coin_pool import CoinPool
from app.domain.payments.coin_selection import (
    LARGEST,
    Choice,
    InsufficientCoins,
    SelectionOrder,
    Spendable,
    Tier,
    single_coin_amount,
)
from app.domain.payments.fee_bumps import Means, NotHigher, Stuck
from app.domain.payments.fees import Policy
from app.domain.payments.payment import (
    COLD,
    LIVE,
    RETURNED,
    Payment,
    PaymentOutput,
    payment_event,
    payment_shown,
    refund_returned,
    return_events,
)
from app.domain.payments.payment_rows import FETCH, NoSuchPayment, PaymentKey, by_ids, load, page
from app.domain.payments.replacements import Plan, Replacement
from app.domain.payments.requesting import CONSOLIDATION, PAYEES, REQUEST, Payee, PayOrder
from app.domain.payments.signing_queue import ChangeKey, Draft, PaymentTaken, Signed
from app.domain.payments.spendable_coins import CoinTaken, Path, PaymentNeed
from app.domain.payments.voiding import VOID, VoidOrder
