"""The highest transaction that was ever sent, kept outside the database: a database restored from a dump is behind it."""

import json
import os
from pathlib import Path
from tempfile import NamedTemporaryFile


class DatabaseBehind(Exception):
    """The database is older than what was sent: it knows transactions up to {0}, but {1} was sent; run `kennel restored`."""

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


class HighWater:
    """A small file that is written, and on the disk, before anything is sent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._read()

    @property
    def highest(self) -> int:
        """The highest number that was sent; 0 if none."""
        return self._known

    def check(self, highest: int) -> None:
        """Raise DatabaseBehind where the database's `highest` transaction is below what was sent."""
        if highest < self._known:
            raise DatabaseBehind(highest, self._known)

    def raise_to(self, number: int) -> None:
        """Remember that `number` is about to be sent; returns once the disk has it, or raises NotRemembered."""
        try:
            if number > max(self._known, self._read()):  # another process may have sent more since
                self._write(number)
        except OSError as error:
            reason = error.strerror or error
            raise NotRemembered(f"nothing is sent, because {self._path} cannot be written: {reason}") from error

    def forget(self, highest: int) -> None:
        """Go on from a restored database, whose highest transaction is `highest`."""
        self._write(highest)

    def _read(self) -> int:
        try:
            return int(json.loads(self._path.read_text())["highest_transaction"])
        except FileNotFoundError:
            return 0
        except (ValueError, TypeError, KeyError) as error:
            raise NotReadable(self._path) from error

    def _write(self, number: int) -> None:
        with NamedTemporaryFile("w", dir=self._path.parent, prefix=self._path.stem, delete=False) as file:
            try:
                json.dump({"highest_transaction": number}, file)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(self._path)  # a file of its own: another process may write at the same time
            except OSError:
                Path(file.name).unlink()
                raise
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._known = number
