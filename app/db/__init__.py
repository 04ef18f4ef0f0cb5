"""The database: its engine here, and beside it the set-based statements (`bulk`), the tables, COPY and the migrations."""

from app.db.engine import LOCK_NOT_AVAILABLE, RETRIED, Db, Row, reads, sqlstate, to_be_done_again

__all__ = [
    "LOCK_NOT_AVAILABLE",
    "RETRIED",
    "Db",
    "Row",
    "reads",
    "sqlstate",
    "to_be_done_again",
]
