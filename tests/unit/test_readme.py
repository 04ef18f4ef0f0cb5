"""What the documents and the files of deployment say of the settings is what the settings are."""

import re
from pathlib import Path

from app import VERSION
from app.config.settings import VARIABLES

ROOT = Path(__file__).parents[2]
SET = {f"KENNEL_{name.upper()}": field.metadata["default"] for name, field in VARIABLES.items()}


def test_the_readmes_table_has_every_setting_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(KENNEL_\w+)` \|(?: `([^`]*)`)? \|", (ROOT / "README.md").read_text(), re.MULTILINE
    )

    assert dict(rows) == SET
    assert len(rows) == len(SET)


def test_the_example_of_an_environment_has_every_setting_with_its_default() -> None:
    lines = re.findall(r"^(KENNEL_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert dict(lines) == SET


def test_every_file_that_the_documents_link_to_is_there() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"


def test_documents_and_deployment_name_no_setting_that_there_is_not() -> None:
    files = [ROOT / name for name in ("README.md", "Dockerfile", "deploy/compose.yaml")] + [
        *(ROOT / "docs").glob("*.md")
    ]

    named = {name for file in files for name in re.findall(r"\bKENNEL_[A-Z_]+[A-Z]\b", file.read_text())}

    assert named - set(SET) == {"KENNEL_CONFIG"}


def test_the_version_is_the_same_wherever_it_is_said() -> None:
    [said] = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert said == VERSION == versions[0]
