"""The files of a home that a backup holds: seed, marker and relay key."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from app.backup.parts import Writer
from app.chain.relay_key import RELAY_KEY_FILE
from app.chain.sent_marker import SENT_FILE

SEED_FILE: Final = "seed.json"
NAMES: Final = (SEED_FILE, SENT_FILE, RELAY_KEY_FILE)
MAX_BYTES: Final = 1 << 20


def paths(home: Path, relay_key: Path | None) -> Mapping[str, Path]:
    """Return where each of them is."""
    return {**{name: home / name for name in NAMES}, RELAY_KEY_FILE: relay_key or home / RELAY_KEY_FILE}


def dump(writer: Writer, places: Mapping[str, Path]) -> list[str]:
    """Write those that there are; returns their names."""
    there = {name: path.read_bytes() for name, path in places.items() if path.exists()}
    for name, content in there.items():
        writer.begin(kind="file", name=name)
        writer.write(content)
    return list(there)


def load(name: str, content: Iterator[bytes], places: Mapping[str, Path]) -> bool:
    """Write a file where there is none; one that is there is newer, and stays. Returns whether it was written."""
    path, text = places[name], b"".join(content)[:MAX_BYTES]
    if path.exists():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.restored")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    return True
