"""The highest transaction that was ever sent, kept outside the database: a database restored from a dump is behind it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from app.domain import installation
from app.domain.installation import Installation

_OLDER: Final = "it knows transactions up to {0}, but {1} was sent; run `kennel restored`"
_OF_ANOTHER_HISTORY: Final = "it is of another history than sent.json; run `kennel restored`"
SENT: Final = "sent.json"
"""The file in KENNEL_HOME that remembers the highest transaction that was ever sent."""


class DatabaseBehind(Exception):
    """The database is or may be older than what was sent: {0}."""

    def __str__(self) -> str:
        """Say by how much."""
        return (self.__doc__ or "").format(*self.args)


class NotRemembered(OSError):
    """What is sent cannot be remembered, so nothing is sent; the message is a sentence for the operator."""


class NotReadable(Exception):
    """{0} is not what Kennel has written: put it back from a backup, or write {{"highest_transaction": N}} into it, N the highest number that was sent."""

    def __str__(self) -> str:
        """Name the file."""
        return (self.__doc__ or "").format(*self.args)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the file says: the highest number that was sent, in which history of the database, and how many there were before it.

    No epoch: an older Kennel wrote it, or a hand.
    """

    highest_transaction: int
    epoch: str | None = None
    restores: int = 0


class HighWater:
    """A small file that is written, and on the disk, before anything is sent. Its number never falls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._read()

    @property
    def highest(self) -> int:
        """The highest number that was sent; 0 if none."""
        return self._known.highest_transaction if self._known else 0

    @property
    def restores(self) -> int:
        """How often a database was restored that belonged to this file."""
        return self._known.restores if self._known else 0

    def knows(self, database: Installation) -> bool:
        """Say whether this very database was held against the file, and is of its history and not behind it."""
        same = self._known is not None and self._known.epoch == database.epoch
        return same and database.compared and self.behind(database) is None

    def behind(self, database: Installation) -> str | None:
        """Return why the database is or may be older than what was sent; None where it is not.

        What was once found stays so, whatever another file says. A database that was used has a file: without it nobody
        knows what was sent.
        """
        if database.behind not in (None, installation.NO_MARK):
            return database.behind
        if self._known is None:
            return installation.NO_MARK if database.marked or database.highest else None
        if self._known.epoch not in (None, database.epoch):
            return _OF_ANOTHER_HISTORY
        older = database.highest < self._known.highest_transaction
        return _OLDER.format(database.highest, self._known.highest_transaction) if older else None

    def refresh(self) -> None:
        """Read what another process may have written since."""
        self._known = self._read()

    def raise_to(self, number: int) -> None:
        """Remember that `number` is about to be sent; returns once the disk has it, or raises NotRemembered."""
        self._remember(Mark(number))

    def belong_to(self, epoch: str, restores: int) -> None:
        """Remember that the database of the history `epoch`, begun by so many restores, is the one that goes on; as `raise_to`."""
        self._remember(Mark(0, epoch, restores))

    def _remember(self, mark: Mark) -> None:
        """Write what the file does not say yet: another process may have sent more since."""
        try:
            there = self._read()
            before = there or self._known or Mark(0)
            higher = max(mark.highest_transaction, before.highest_transaction, self.highest)
            after = Mark(higher, mark.epoch or before.epoch, max(mark.restores, before.restores))
            if after != there:
                self._write(after)
            self._known = after
        except OSError as error:
            reason = error.strerror or error
            raise NotRemembered(
                f"nothing is sent, because {self._path} cannot be written: {reason}"
            ) from error

    def _read(self) -> Mark | None:
        try:
            said = json.loads(self._path.read_text())
            return Mark(int(said["highest_transaction"]), said.get("epoch"), int(said.get("restores", 0)))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotReadable(self._path) from error

    def _write(self, mark: Mark) -> None:
        with NamedTemporaryFile("w", dir=self._path.parent, prefix=self._path.stem, delete=False) as file:
            try:
                json.dump(asdict(mark), file)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(
                    self._path
                )  # a file of its own: another process may write at the same time
            except OSError:
                Path(file.name).unlink()
                raise
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
