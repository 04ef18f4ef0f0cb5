"""The audit: of one ledger, and of all cells of an installation together."""

from app.audit.checks import SEED
from app.audit.report import AuditReport, Finding
from app.audit.running import run
from app.audit.sources import DeriveXpubs, FetchCoins, Rest, Sample

__all__ = ["SEED", "AuditReport", "DeriveXpubs", "FetchCoins", "Finding", "Rest", "Sample", "run"]
