"""What must survive a kill, in one SQLite file: blocks, invalid marks, the mempool and the wallet's keys.

A block reaches the operating system before it is announced; only a crash of the machine itself can lose one.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blocks (sequence INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS invalid (hash BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (
    position INTEGER PRIMARY KEY, txid BLOB NOT NULL UNIQUE, raw BLOB NOT NULL, time INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS wallet (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (
    position INTEGER PRIMARY KEY, secret BLOB NOT NULL UNIQUE, compressed INTEGER NOT NULL
);
"""


class InUse(Exception):
    """Another devnet runs in the same directory."""


class Storage:
    """One file. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`, readable by its owner only: it holds the faucet's keys."""
        path.touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            self._db.close()
            raise InUse(f"another devnet runs in {path.parent}: {error}") from None

    def _prepare(self) -> None:
        """Lock the file: the lock lasts until it is closed, or its owner dies."""
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file, and so unlock it."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Store all that is stored inside, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def add_block(self, sequence: int, raw: bytes) -> None:
        """Store a block."""
        self._db.execute("INSERT INTO blocks VALUES (?, ?)", (sequence, raw))

    def block(self, sequence: int) -> bytes:
        """Read a block that is stored."""
        raw: bytes = self._db.execute("SELECT raw FROM blocks WHERE sequence = ?", (sequence,)).fetchone()[0]
        return raw

    def blocks(self) -> Iterator[bytes]:
        """Read all blocks in order of arrival."""
        for (raw,) in self._db.execute("SELECT raw FROM blocks ORDER BY sequence"):
            yield raw

    def set_invalid(self, hashes: Iterable[bytes]) -> None:
        """Store which blocks are marked invalid, instead of the marks before."""
        self._db.execute("DELETE FROM invalid")
        self._db.executemany("INSERT INTO invalid VALUES (?)", ((hash_,) for hash_ in hashes))

    def invalid(self) -> set[bytes]:
        """Read which blocks are marked invalid."""
        return {hash_ for (hash_,) in self._db.execute("SELECT hash FROM invalid")}

    def add_waiting(self, txid: bytes, raw: bytes, time: int) -> None:
        """Store a transaction of the mempool."""
        self._db.execute(
            "INSERT OR IGNORE INTO waiting (txid, raw, time) VALUES (?, ?, ?)", (txid, raw, time)
        )

    def move_to_front(self, txids: Sequence[bytes]) -> None:
        """Put transactions of the mempool before all others, in this order."""
        for txid in reversed(txids):
            self._db.execute(
                "UPDATE waiting SET position = (SELECT min(position) FROM waiting) - 1 WHERE txid = ?",
                (txid,),
            )

    def remove_waiting(self, txid: bytes) -> None:
        """Delete a transaction of the mempool."""
        self._db.execute("DELETE FROM waiting WHERE txid = ?", (txid,))

    def waiting(self) -> list[tuple[bytes, int]]:
        """Read the mempool's transactions and when they came, in order of arrival."""
        return self._db.execute("SELECT raw, time FROM waiting ORDER BY position").fetchall()

    def set_value(self, name: str, content: bytes) -> None:
        """Store a value under a name, instead of the value before."""
        self._db.execute("INSERT OR REPLACE INTO wallet VALUES (?, ?)", (name, content))

    def value(self, name: str) -> bytes | None:
        """Read the value that is stored under a name."""
        row = self._db.execute("SELECT content FROM wallet WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def add_key(self, secret: bytes, *, compressed: bool) -> None:
        """Store a key that was imported."""
        self._db.execute(
            "INSERT OR IGNORE INTO keys (secret, compressed) VALUES (?, ?)", (secret, compressed)
        )

    def imported(self) -> list[tuple[bytes, bool]]:
        """Read the keys that were imported, and whether they are compressed."""
        rows = self._db.execute("SELECT secret, compressed FROM keys ORDER BY position")
        return [(secret, bool(compressed)) for secret, compressed in rows]
