"""What is told of webhook endpoints themselves."""

import json

from app.domain.endpoints import Endpoint
from app.domain.event_types import WEBHOOK_DISABLED, WEBHOOK_TEST
from app.domain.outbox import Fact
from app.tables import NOBODY


def test(endpoint: Endpoint) -> Fact:
    """SYS_WEBHOOK_TEST: the endpoint that it names gets it, whatever its types are, and no other endpoint does."""
    return _of_nobody(WEBHOOK_TEST, {"webhook_id": endpoint.id})


def disabled(endpoint: Endpoint) -> Fact:
    """SYS_WEBHOOK_DISABLED; not its URL, which may hold a token."""
    message = {
        "webhook_id": endpoint.id,
        "name": endpoint.name or "",
        "foreign_id": endpoint.foreign_id,
        "description": endpoint.description,
        "reason": endpoint.disabled_reason,
        "failing_since": endpoint.failing_since and endpoint.failing_since.isoformat(),
    }
    return _of_nobody(WEBHOOK_DISABLED, message)


def _of_nobody(event: str, message: dict[str, object]) -> Fact:
    return Fact(NOBODY, "", event, json.dumps(message, separators=(",", ":"), ensure_ascii=False))
