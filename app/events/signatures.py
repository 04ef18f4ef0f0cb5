"""The headers of a webhook: GigaWallet's and those of Standard Webhooks, with signatures that its receiver can verify."""

import base64
import binascii
import hashlib
import hmac
from typing import Final

STANDARD_PREFIX: Final = "whsec_"


def headers(secret: str, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt at `timestamp` (unix seconds); nothing is signed with an empty secret."""
    found = {
        "Content-Type": "application/json",
        "User-Agent": "Kennel",
        "X-Giga-Timestamp": str(timestamp),
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
    }
    if secret:
        found["X-Giga-Signature"] = f"sha256={giga(secret, timestamp, body)}"
        found["webhook-signature"] = f"v1,{standard(secret, event_id, timestamp, body)}"
    return found


def giga(secret: str, timestamp: int, body: bytes) -> str:
    """GigaWallet's: hex of HMAC-SHA256 over `timestamp.body`, keyed with the secret's own bytes."""
    return hmac.new(secret.encode(), b"%d.%b" % (timestamp, body), hashlib.sha256).hexdigest()


def standard(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Standard Webhooks v1: base64 of HMAC-SHA256 over `id.timestamp.body`.

    The key is what stands in base64 after `whsec_`, or the secret's own bytes where it is plain text.
    """
    signed = b"%b.%d.%b" % (event_id.encode(), timestamp, body)
    return base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(STANDARD_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(STANDARD_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()
