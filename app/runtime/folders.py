"""Makes changes of a folder survive a power cut."""

import os
from pathlib import Path


def sync(folder: Path) -> None:
    """Return once the disk has the names in the folder: a file that was made, renamed or removed in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
