"""The seed file of a home, for the commands that open it, and what `seed show` does."""

from app.chain.seed_file import SeedFile
from app.cli.command import errors_in_one_sentence, read_settings
from app.config.settings import Settings
from app.domain import dogecoin


def seed_file(settings: Settings) -> SeedFile:
    """Return the seed file of this home, which may not exist."""
    return SeedFile(settings.home / "seed.json", dogecoin.network_by_name(settings.network))


def show(*, again: bool) -> None:
    """Print the 24 words; also `again`, although they were shown before."""
    settings = read_settings()
    with errors_in_one_sentence():
        print(seed_file(settings).show_once(settings.seed_passphrase or "", again=again))
