"""The database: its engine; beside it set-based statements (`bulk`), COPY, the tables and the migrations."""

from app.db.engine import (
    LOCK_NOT_AVAILABLE,
    QUERY_CANCELED,
    RETRIED,
    Db,
    Row,
    reads,
    serialization_failure,
    sqlstate,
)
