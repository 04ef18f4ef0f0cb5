"""Monitoring: what operators watch of the installation, read from the database by bounded statements."""

from app.domain.monitoring.audits import AUDIT
from app.domain.monitoring.chain import CHAIN, MEMPOOL
from app.domain.monitoring.money import COINS, HOT_WALLET, LEDGER, PAYMENTS
from app.domain.monitoring.section import Section, read
from app.domain.monitoring.telling import DELIVERIES, LOCKS, OUTBOX, SINKS

SECTIONS = (CHAIN, MEMPOOL, PAYMENTS, COINS, LEDGER, HOT_WALLET, AUDIT, OUTBOX, SINKS, DELIVERIES, LOCKS)
"""All of them, in the order in which they are read."""
