"""The files of a home that a backup holds: seed, markers and relay key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.backup.parts import Part, Writer
from app.cells import CellMap
from app.chain import sent_marker
from app.chain.relay_key import RELAY_KEY_FILE
from app.runtime import new_file

SEED_FILE: Final = "seed.json"
MAX_BYTES: Final = 1 << 20


def paths(home: Path, relay_key: Path | None, cells: CellMap) -> Mapping[str, Path]:
    """Return where each of them is; each cell has its marker."""
    markers = (sent_marker.sent_file(cell) for cell in cells)
    in_home = {name: home / name for name in (SEED_FILE, *markers)}
    return {**in_home, RELAY_KEY_FILE: relay_key or home / RELAY_KEY_FILE}


def dump(writer: Writer, places: Mapping[str, Path]) -> list[str]:
    """Write those that there are; returns their names."""
    there = {name: path.read_bytes() for name, path in places.items() if path.exists()}
    for name, content in there.items():
        writer.begin(kind="file", name=name)
        writer.write(content)
    return list(there)


def load(part: Part, places: Mapping[str, Path]) -> list[str]:
    """Write the file of a part, if it is one. Where there is a file already, that is newer and stays: returns its name."""
    about, content = part
    if about["kind"] != "file":
        return []
    path, text = places[about["name"]], b"".join(content)[:MAX_BYTES]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with new_file.writing(path) as file:
            file.write(text)
    except FileExistsError:
        return [about["name"]]
    return []
