"""Webhook endpoints and what is delivered to them."""

from app.domain.webhooks.changes import (
    CHANGE,
    CREATE,
    DELETE,
    ROTATE,
    TEST,
    Change,
    NewEndpoint,
    Rotation,
    change,
    create,
)
from app.domain.webhooks.deliveries import Delivery, Key, Outcome, record
from app.domain.webhooks.delivery_claims import OF_ENDPOINT, OF_FAILING, OF_HOST, Load, claim, skip_flush
from app.domain.webhooks.delivery_listing import (
    REDELIVER,
    REPLAY,
    DeliveryRecord,
    Range,
    Replay,
    redeliver,
    replay,
)
from app.domain.webhooks.endpoints import (
    ANY_WORK,
    CURSOR,
    Callback,
    Endpoint,
    any_active_endpoint,
    disable,
    fetch,
    page,
    reconcile,
    rename,
)
from app.domain.webhooks.fan_out import OF_ACCOUNT, step
from app.domain.webhooks.health import disabled
from app.domain.webhooks.over_cells import over_cells
from app.domain.webhooks.retention import EVENTS_SLICE, delete_expired, delivered_up_to, sweep
from app.domain.webhooks.secrets import (
    ASYMMETRIC,
    MOST_CHARACTERS,
    SEED_BYTES,
    SYMMETRIC,
    BadSecret,
    check,
    generate,
    public_key,
    scheme_of,
    signing_key,
    symmetric_key,
)
