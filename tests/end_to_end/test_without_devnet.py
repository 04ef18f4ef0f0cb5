"""Kennel as the production image has it: `app` and `migrations`, and no devnet beside them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.program import ROOT, Program, command, devnet, running

IMPORT_ALL = """
import importlib, importlib.util, pkgutil, app
assert importlib.util.find_spec("devnet") is None
for module in pkgutil.walk_packages(app.__path__, "app."):
    importlib.import_module(module.name)
    print(module.name)
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with what the Dockerfile copies."""
    for folder in ("app", "migrations"):
        shutil.copytree(
            ROOT / folder, tmp_path / "image" / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path / "image"


def test_every_module_is_imported_without_a_devnet(image: Path) -> None:
    imported = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=image, capture_output=True, text=True, check=False
    )

    assert imported.stderr == ""
    assert {"app.__main__", "app.run", "app.configured_node", "app.cli.demo"} <= set(imported.stdout.split())


def test_kennel_serves_with_a_configured_node_and_no_devnet_on_its_path(image: Path, tmp_path: Path) -> None:
    with devnet(tmp_path / "node") as alone:
        settings = {**alone.settings, "PYTHONPATH": str(image)}
        with running(Program(tmp_path / "home", alone.node, **settings)) as program:
            program.mine()

            assert program.audit()["height"] == alone.node.height


@pytest.mark.parametrize("words", ["serve", "demo", "devnet"])
def test_without_a_node_and_without_a_devnet_one_sentence_says_what_to_set(
    image: Path, tmp_path: Path, words: str
) -> None:
    program = Program(tmp_path / "home", PYTHONPATH=str(image))

    ended = command(program, words)

    assert ended.stdout.startswith(
        "kennel: KENNEL_NODE_URL must be set, because this installation has no test "
    )
    assert ended.stdout.count("\n") == 1
    assert ended.returncode == 1
    assert not (program.home / "kennel").exists()
