"""DogeConnect 1.0: payment requests for wallets, and the transactions that wallets submit."""

from app.domain.dogeconnect.envelope import (
    MAX_BYTES,
    Over,
    Terms,
    check_open,
    envelope,
    payload,
    uri_parameters,
)
from app.domain.dogeconnect.payment_status import PaymentStatus, payment_status
from app.domain.dogeconnect.submission import (
    ANY_DUE,
    SUBMIT,
    Offer,
    Submission,
    SubmissionOrder,
    answered,
    load,
    take_due,
)
from app.domain.dogeconnect.transaction import (
    Declined,
    InvalidToken,
    InvalidTransaction,
    WalletTransaction,
    check_coins,
    check_inputs,
    check_refund,
    output_to,
)
