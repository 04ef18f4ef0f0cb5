"""The file with the installation's seed: made once, opened with a passphrase, never half written."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.cells import Cell
from app.chain import keys, seed_record
from app.chain.seed_record import Cost, SeedRecord
from app.domain.dogecoin import REGTEST, Network
from app.errors import OperatorError
from app.runtime import folders

ENTROPY_BYTES = 32  # 24 words
ALL = Cell()
"""All of an installation with one cell."""


class SeedRefused(OperatorError):
    """The seed file cannot be used as it is; the message is a sentence for the operator."""


class SeedFileMissing(SeedRefused):
    """There is no seed file."""


class SeedFileNotWritten(SeedRefused, OSError):
    """The seed file cannot be written, and is as it was."""


class PassphraseMissing(SeedRefused):
    """Off regtest the seed needs a passphrase."""


@dataclass(frozen=True, slots=True)
class SeedFile:
    """The seed file at `path`, for one network. All methods block on the disk; some also compute for long."""

    path: Path
    network: Network
    cost: Cost = seed_record.STRONG

    def create(
        self, passphrase: str, birth_height: int | None = None, words: str | None = None
    ) -> keys.Keyring:
        """Make the file from 24 new words, or from `words` to restore a lost one, and open it.

        `birth_height` is the tip when the seed was made, so no block before it can pay us; None if it is
        unknown. Raises `SeedRefused`, and `PassphraseMissing` off regtest.
        """
        self._check(passphrase)
        words = _new_words() if words is None else _checked_words(words)
        with self._writing():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            if self.path.exists():
                raise SeedRefused(f"There is a seed file at {self.path} already; it is never overwritten.")
            cost = self.cost if passphrase else seed_record.LEAST
            self._write(seed_record.lock(words, passphrase, self.network.name, birth_height, cost))
        return keys.Keyring(self.network, words)

    def open(self, passphrase: str) -> keys.Keyring:
        """Decrypt the file, or raise `SeedRefused`."""
        return keys.Keyring(self.network, self._words(self.read(), passphrase))

    def read(self) -> SeedRecord:
        """Read the record. All of it but the mnemonic is known without a passphrase."""
        try:
            with self.path.open("rb") as file:
                record = seed_record.of_json(file.read(seed_record.MAX_BYTES + 1))
        except FileNotFoundError:
            raise SeedFileMissing(f"There is no seed file at {self.path}.") from None
        except seed_record.Malformed as error:
            raise SeedRefused(
                f"The seed file {self.path} is damaged ({error}): restore it from a backup or from its words."
            ) from None
        self._check_network(record)
        return record

    def raise_highest(self, number: int, cell: Cell = ALL) -> None:
        """Remember that accounts of the cell up to `number` were handed out, never fewer. On disk when it returns."""
        if not 0 <= number <= seed_record.MAX_NUMBER:
            raise ValueError(f"there is no account number {number}")
        with self._locked():
            record = self.read()
            if (raised := record.raised(number, cell)) != record:
                self._write(raised)

    def skip(self, number: int) -> None:
        """Remember that `number` more addresses of every account are left out. On disk when it returns."""
        with self._locked():
            record = self.read()
            self._write(replace(record, skipped=record.skipped + number))

    def show_once(self, passphrase: str, *, again: bool = False) -> str:
        """Return the words and remember that they were shown; else raise `SeedRefused`, unless `again`."""
        with self._locked():
            record = self.read()
            if record.shown and not again:
                raise SeedRefused(
                    "The words of this seed were shown before: `kennel seed show --again` shows them once "
                    "more."
                )
            words = self._words(record, passphrase)
            self._write(replace(record, shown=True))
        return words

    def _check_network(self, record: SeedRecord) -> None:
        if record.network != self.network.name:
            raise SeedRefused(
                f"The seed file {self.path} is for {record.network[:32]}, not for {self.network.name}."
            )

    def _check(self, passphrase: str) -> None:
        if not passphrase and self.network != REGTEST:
            raise PassphraseMissing(f"A seed on {self.network.name} needs a passphrase.")
        if len(passphrase) > seed_record.MAX_PASSPHRASE_CHARS:
            raise SeedRefused(f"A passphrase has at most {seed_record.MAX_PASSPHRASE_CHARS} characters.")

    def _words(self, record: SeedRecord, passphrase: str) -> str:
        self._check(passphrase)
        try:
            return record.words(passphrase)
        except seed_record.Unopened:
            raise SeedRefused(f"The passphrase does not open the seed file {self.path}.") from None

    def _write(self, record: SeedRecord) -> None:
        """Replace the whole file: after a kill at any instant, the old file or the new one is there."""
        text = record.to_json()
        seed_record.of_json(text)  # what cannot be read back must not replace what can
        fresh = self.path.with_name(f"{self.path.name}.new")
        with self._writing():
            # A killed writer may have left one; nobody else writes while we hold the lock.
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            folders.sync(self.path.parent)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn an error of the disk into a sentence for the operator."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise SeedFileNotWritten(f"The seed file {self.path} cannot be written: {reason}.") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes and threads out; the lock ends with its holder."""
        if not self.path.parent.is_dir():
            raise SeedFileMissing(f"There is no seed file at {self.path}.")
        with self._writing():
            descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _new_words() -> str:
    from bip_utils import Bip39MnemonicGenerator

    return str(Bip39MnemonicGenerator().FromEntropy(secrets.token_bytes(ENTROPY_BYTES)).ToStr())


def _checked_words(words: str) -> str:
    from bip_utils import Bip39Languages, Bip39MnemonicValidator

    mnemonic = keys.normalise(words).lower()
    if not Bip39MnemonicValidator(Bip39Languages.ENGLISH).IsValid(mnemonic):
        raise SeedRefused("Those words are no English BIP39 mnemonic: check their spelling and order.")
    return mnemonic
