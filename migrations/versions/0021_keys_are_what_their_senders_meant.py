"""Keys of requests are what their senders meant: blanks around a header's value are no part of it.

Whoever sends a request again whose key was stored with a blank at its end is known by the key without it. In a list of
transfers the key stands before the place of each. What a key has transferred it never transfers again, so those are
remembered for ever, as the ledger does.
"""

from alembic import op

revision = "0021"
down_revision = "0014"

KEYS = r"""
    INSERT INTO idempotency (scope, key, fingerprint, kind, thing, created)
    SELECT scope, regexp_replace(key, ' +(:[0-9]+)?$', '\1'), fingerprint, kind, thing, created
    FROM idempotency WHERE key ~ ' (:[0-9]+)?$'
    ON CONFLICT DO NOTHING
"""
TRANSFERS = r"""
    INSERT INTO idempotency (scope, key, fingerprint, kind, thing, created)
    SELECT 'admin', regexp_replace(substr(key, 16), ' +(:[0-9]+)?$', '\1'), '', 'transfer', key, 'infinity'
    FROM entries WHERE starts_with(key, 'transfer:admin:') AND key ~ ' (:[0-9]+)?$'
    ON CONFLICT (scope, key) DO UPDATE SET created = 'infinity'
"""


def upgrade() -> None:
    op.execute(KEYS)
    op.execute(TRANSFERS)
