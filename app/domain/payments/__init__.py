"""Payments: requests, fees, coins, signing, broadcast, voiding, payouts, and the pause."""

from app.domain.payments.broadcast import Unsent, answered, states, unsent
from app.domain.payments.cancelling_transaction import refused_fee
from app.domain.payments.coin_pool import ChainsTooLong, CoinPool
from app.domain.payments.coin_selection import (
    LARGEST,
    NEAREST,
    SMALLEST,
    Choice,
    InsufficientCoins,
    SelectionOrder,
    Spendable,
    Tier,
    TooLarge,
    alone,
)
from app.domain.payments.fee_bumps import Means, NotHigher, Stuck
from app.domain.payments.fees import (
    HIGHEST_FEE,
    HIGHEST_RATE,
    INPUT_BYTES,
    MAX_BYTES,
    MINED_RATE,
    PERCENT,
    USUAL_MAX_FEE,
    BelowDust,
    FeeAboveLimit,
    FeeTerms,
    Policy,
    apportion,
    checked_shares,
    deduct,
    fee,
    reapportion,
    size,
)
from app.domain.payments.pause import RESTORED, SKIPPED, SKIPPED_NUMBERS, begin, end_waiting, reason, resume
from app.domain.payments.payment import (
    LIVE,
    RETURNED,
    NoSuchPayment,
    Payment,
    PaymentOutput,
    by_ids,
    fetch,
    load,
    page,
    payment_event,
    payment_shown,
    refund_returned,
    turn_events,
)
from app.domain.payments.payouts import PayoutPlan, is_due, next_at, pay_out, start_all, suspend_payouts
from app.domain.payments.replacements import Plan, Replacement, note
from app.domain.payments.requesting import CONSOLIDATION, PAYEES, PAYOUT, REQUEST, Payee, PayOrder
from app.domain.payments.signing_queue import (
    BATCH_SIZE,
    NOT_FOLLOWED,
    ChangeKey,
    Draft,
    PaymentTaken,
    Signed,
    change_keys,
    groups,
    move_change,
    order,
    paused,
    pending,
)
from app.domain.payments.spendable_coins import (
    ANCESTORS,
    CHAIN_BYTES,
    CoinTaken,
    Path,
    PaymentNeed,
    SpendableCoins,
    everybodys,
    of_all_versions,
    own,
    smallest,
)
from app.domain.payments.subset_sum import Bounds, find
from app.domain.payments.versions import Twin, copy_inputs, insert
from app.domain.payments.voiding import (
    VOID,
    VoidOrder,
    due,
    seen,
    unseen,
    void,
)
