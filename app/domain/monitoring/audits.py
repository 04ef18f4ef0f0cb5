"""The audit: what the last whole one has found."""

from typing import Final

import sqlalchemy as sa

from app.domain.monitoring.section import Section

AUDIT: Final = Section(
    "audit",
    sa.text("""
        SELECT ok::integer AS audit_ok, extract(epoch FROM ended) AS audit_timestamp_seconds FROM audits
    """),
    {
        "audit_ok": "1 where the last whole audit found nothing wrong.",
        "audit_timestamp_seconds": "When that audit ended.",
    },
)
