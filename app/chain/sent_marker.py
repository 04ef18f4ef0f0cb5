"""The highest transaction that was ever sent, kept outside of the database: a restored dump is behind it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from app.cells import Cell
from app.domain import installation
from app.domain.installation import InstallationState
from app.errors import OperatorError
from app.runtime import folders

SENT_FILE: Final = "sent.json"
"""The marker's file in KENNEL_HOME, where there is one cell."""
_OLDER: Final = "it knows transactions up to {0}, but {1} was sent; run `kennel restored`"
_OF_ANOTHER_HISTORY: Final = "it is of another history than sent.json; run `kennel restored`"


def sent_file(cell: Cell) -> str:
    """Return the name of a cell's file in KENNEL_HOME: each cell signs and sends for itself."""
    return SENT_FILE if cell.cells == 1 else f"sent-{cell.number:03}.json"


class DatabaseBehind(Exception):
    """The database is or may be older than what was sent; the message is a sentence for the operator."""


class NotRemembered(OSError):
    """What is sent cannot be remembered, so nothing is sent; the message is a sentence for the operator."""


class NotReadable(OperatorError):
    """The file is not what Kennel has written; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class SentRecord:
    """What the file says: the highest number that was sent, in which history, and the restores before it.

    Without an epoch, an older Kennel or a hand wrote the file.
    """

    highest_transaction: int
    epoch: str | None = None
    restores: int = 0


class SentMarker:
    """A small file that is written, and on the disk, before anything is sent. Its number never falls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._record = self._read()

    @property
    def highest(self) -> int:
        """The highest number that was sent; 0 if none."""
        return self._record.highest_transaction if self._record else 0

    @property
    def restores(self) -> int:
        """How often a database was restored that belonged to this file."""
        return self._record.restores if self._record else 0

    def knows(self, database: InstallationState) -> bool:
        """Say whether this very database was compared with the file, and is of its history and not behind."""
        same_history = self._record is not None and self._record.epoch == database.epoch
        return same_history and database.compared and self.behind(database) is None

    def behind(self, database: InstallationState) -> str | None:
        """Return why the database is or may be older than what was sent; None where it is not.

        A reason that was found once stays, whatever another file says. A database that was used has a file:
        without the file nobody knows what was sent.
        """
        if database.behind not in (None, installation.NO_MARKER):
            return database.behind
        if self._record is None:
            return installation.NO_MARKER if database.marked or database.highest else None
        if self._record.epoch not in (None, database.epoch):
            return _OF_ANOTHER_HISTORY
        older = database.highest < self._record.highest_transaction
        return _OLDER.format(database.highest, self._record.highest_transaction) if older else None

    def refresh(self) -> None:
        """Read the file again: another process may have written it."""
        self._record = self._read()

    def raise_to(self, number: int) -> None:
        """Remember that `number` is about to be sent; return once the disk has it, or raise NotRemembered."""
        self._remember(SentRecord(number))

    def belong_to(self, epoch: str, restores: int) -> None:
        """Remember the database that goes on: its history, and how many restores began it. As `raise_to`."""
        self._remember(SentRecord(0, epoch, restores))

    def _remember(self, news: SentRecord) -> None:
        """Write what the file does not say yet: another process may have sent more."""
        try:
            stored = self._read()
            before = stored or self._record or SentRecord(0)
            highest = max(news.highest_transaction, before.highest_transaction, self.highest)
            after = SentRecord(highest, news.epoch or before.epoch, max(news.restores, before.restores))
            if after != stored:
                self._write(after)
            self._record = after
        except OSError as error:
            reason = error.strerror or error
            raise NotRemembered(
                f"nothing is sent, because {self._path} cannot be written: {reason}"
            ) from error

    def _read(self) -> SentRecord | None:
        try:
            body = json.loads(self._path.read_text())
            highest, restores = int(body["highest_transaction"]), int(body.get("restores", 0))
            return SentRecord(highest, body.get("epoch"), restores)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotReadable(
                f"{self._path} is not what Kennel has written: put it back from a backup, or write "
                '{"highest_transaction": N} into it, N the highest number that was sent.'
            ) from error

    def _write(self, record: SentRecord) -> None:
        """Replace the file by a new one with its own name: another process may write at the same time."""
        with NamedTemporaryFile("w", dir=self._path.parent, prefix=self._path.stem, delete=False) as file:
            try:
                json.dump(asdict(record), file)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(self._path)
            except OSError:
                Path(file.name).unlink()
                raise
        folders.sync(self._path.parent)
