"""The outbox and the log of events: events are written with what causes them, and numbered afterwards."""

from app.domain.outbox.log import (
    ALL,
    PAGE,
    WINDOW,
    BeyondTheEnd,
    Event,
    Page,
    check,
    check_end,
    class_of,
    envelope,
    event_of,
    in_base64,
    matches_filter,
    page,
    position_before,
)
from app.domain.outbox.payload import (
    TXID_CHANGED,
    Flow,
    account_payment,
    balance_change,
    of_account,
    of_nobody,
)
from app.domain.outbox.posting import balance_changes, post_and_emit
from app.domain.outbox.types import TYPES, WEBHOOK_DISABLED, WEBHOOK_TEST, UnknownType, known
from app.domain.outbox.writing import (
    ANY_UNNUMBERED,
    BATCH,
    POSITIONS,
    OutboxEvent,
    advance,
    create_cursor,
    cursor_position,
    emit,
    emit_encoded,
    encode,
    is_behind,
    last_position,
    save_sequences,
    sequence,
    sequence_few,
    skip_numbers,
    start,
)
