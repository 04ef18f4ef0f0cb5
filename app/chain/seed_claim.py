"""Which seed a database's keys come from: one seed, made on the very first start, and never another."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain.keys import Keyring
from app.chain.seed_file import SeedFile, SeedFileMissing, SeedRefused
from app.db import Db
from app.domain import accounts, installation


class OtherSeed(SeedRefused):
    """The seed file is not of the installation whose database this is."""


async def open_or_create(
    engine: AsyncEngine,
    seed_file: SeedFile,
    passphrase: str,
    birth_height: Callable[[], Awaitable[int | None]],
) -> Keyring:
    """Open the seed, or make it if this database has none yet.

    Raises OtherSeed, SeedFileMissing if the database has keys of a seed that is not here, and SeedRefused.
    """
    if seed_file.path.exists():
        keyring = await asyncio.to_thread(seed_file.open, passphrase)
        async with engine.begin() as db:
            await claim(db, seed_file, keyring)
        return keyring
    return await _create(engine, seed_file, passphrase, await birth_height())


async def claim(db: Db, seed_file: SeedFile, keyring: Keyring) -> None:
    """Note that the database's keys come from this seed, or raise OtherSeed. At first, its keys decide."""
    fingerprint = await installation.seed(db, changes=True)
    if fingerprint is None:
        keys = await installation.known_keys(db)
        if await asyncio.to_thread(keyring.xpubs, keys) == keys:
            await installation.set_seed(db, keyring.fingerprint)
            return
    check(fingerprint, seed_file, keyring)


def check(fingerprint: str | None, seed_file: SeedFile, keyring: Keyring) -> None:
    """Raise OtherSeed unless `fingerprint`, that of the database's seed, is that of this seed."""
    if fingerprint != keyring.fingerprint:
        raise OtherSeed(
            f"The seed file {seed_file.path} is of another installation than the database: nothing is signed "
            "and no keys are made until the right one is there, or KENNEL_DATABASE_URL names its database."
        )


async def take_over(db: Db, keyring: Keyring) -> None:
    """Give this seed a database that has no accounts yet; forget the ready keys of another seed."""
    keys = await installation.known_keys(db)
    if await installation.seed(db, changes=True) != keyring.fingerprint and keyring.xpubs(keys) != keys:
        await accounts.delete_ready_keys(db)
    await installation.set_seed(db, keyring.fingerprint)


async def _create(
    engine: AsyncEngine, seed_file: SeedFile, passphrase: str, birth_height: int | None
) -> Keyring:
    """Make the seed file under a lock: of two first starts at once, one makes it and the other stops."""
    async with engine.begin() as db:
        if await installation.seed(db, changes=True) is not None or await installation.known_keys(db):
            raise SeedFileMissing(
                f"There is no seed file at {seed_file.path}, and the database has keys of a seed: nothing is "
                "signed and none is made until you put your copy of it there, or make it from its words with "
                "`kennel recover --words`."
            )
        keyring = await asyncio.to_thread(seed_file.create, passphrase, birth_height)
        await installation.set_seed(db, keyring.fingerprint)
    return keyring
