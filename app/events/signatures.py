"""The headers of a webhook, with signatures: GigaWallet's and those of Standard Webhooks."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from app.domain import webhooks
from app.domain.webhooks import ASYMMETRIC, SYMMETRIC

UNSIGNED: Final = {"Content-Type": "application/json", "User-Agent": "Kennel"}


def headers(secrets: Sequence[str], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt at `timestamp` (unix seconds); nothing is signed without secrets.

    The first secret is the endpoint's, the second the one that it replaced a short while ago.
    `webhook-signature` holds a signature of each, with a space between. GigaWallet's header has one
    signature, that of the first secret, unless that is an ed25519 key.
    """
    headers = {
        **UNSIGNED,
        "X-Giga-Timestamp": str(timestamp),
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
    }
    if secrets:
        signatures = (standard(secret, event_id, timestamp, body) for secret in secrets)
        headers["webhook-signature"] = " ".join(signatures)
        if webhooks.scheme_of(secrets[0]) == SYMMETRIC:
            headers["X-Giga-Signature"] = f"sha256={giga(secrets[0], timestamp, body)}"
    return headers


def giga(secret: str, timestamp: int, body: bytes) -> str:
    """GigaWallet's: hex of HMAC-SHA256 over `timestamp.body`, keyed with the secret's own bytes."""
    return hmac.new(secret.encode(), b"%d.%b" % (timestamp, body), hashlib.sha256).hexdigest()


def standard(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Standard Webhooks' signature over `id.timestamp.body`, in base64.

    It is `v1,` and the HMAC-SHA256, or `v1a,` and the ed25519 signature.
    """
    signed = b"%b.%d.%b" % (event_id.encode(), timestamp, body)
    scheme = webhooks.scheme_of(secret)
    if scheme == ASYMMETRIC:
        signature = webhooks.signing_key(secret).sign(signed)
    else:
        signature = hmac.digest(webhooks.symmetric_key(secret), signed, "sha256")
    return f"{scheme},{base64.b64encode(signature).decode()}"
