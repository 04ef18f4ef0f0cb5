"""What the documents and the files of deployment say of settings, commands and one another is true."""

import re
from pathlib import Path

import typer

from app import VERSION
from app.cli import commands, settings_catalog
from app.config import secrets
from app.config.settings import SECRETS, VARIABLES
from tests.conftest import SERVER_URL

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DEFAULTS = {f"KENNEL_{name.upper()}": settings_catalog.default(field) for name, field in VARIABLES.items()}


def test_the_table_of_settings_has_every_one_with_its_key_and_its_default() -> None:
    row = re.compile(r"^\| `(KENNEL_\w+)` \| `(\w+)` \| [^|]+ \|(?: `([^`]*)`)? +\|", re.MULTILINE)

    rows = row.findall((ROOT / "docs" / "settings.md").read_text())

    assert {variable: default for variable, _, default in rows} == DEFAULTS
    assert {key for _, key, _ in rows} == VARIABLES.keys()
    assert len(rows) == len(DEFAULTS)


def test_the_example_of_an_environment_has_every_setting_with_its_default() -> None:
    lines = re.findall(r"^(KENNEL_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert dict(lines) == DEFAULTS


def anchors(document: Path) -> set[str]:
    """The names that a page of Markdown gives its headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_file_and_heading_that_the_documents_link_to_is_there() -> None:
    for document in DOCUMENTS:
        for file, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text()):
            target = document.parent / file if file else document
            assert target.exists(), f"{document.name} links to {file}"
            assert not heading or heading in anchors(target), f"{document.name} links to {file}#{heading}"


def test_the_index_lists_every_document_on_one_screen_and_the_readme_is_short() -> None:
    index = (ROOT / "docs" / "README.md").read_text()

    listed = set(re.findall(r"^\| \[([\w.-]+)\]", index, re.MULTILINE)) | {"README.md"}
    assert listed >= {document.name for document in DOCUMENTS}
    assert len(index.splitlines()) <= 40
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_documents_and_deployment_name_no_setting_that_there_is_not() -> None:
    deployed = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    files = [*DOCUMENTS, ROOT / "Dockerfile", *deployed]

    named = {name for file in files for name in re.findall(r"\bKENNEL_[A-Z_]+[A-Z]\b", file.read_text())}

    known = {f"KENNEL_{name.upper()}" for name in secrets.ways(SECRETS)}
    assert named - set(DEFAULTS) - known == {"KENNEL_CONFIG", SERVER_URL}


def test_documents_name_no_command_and_no_target_of_make_that_there_is_not() -> None:
    text = "\n".join(document.read_text() for document in DOCUMENTS)
    group = typer.main.get_command(commands.together())
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    named = set(re.findall(r"(?:\./|`)kennel ([a-z]+)", text))
    make_targets = set(re.findall(r"(?:`|^    )make ([\w-]+)", text, re.MULTILINE))

    assert len(named) >= 14
    assert named <= getattr(group, "commands").keys()  # noqa: B009  typer's group is one of its own click
    assert {"run", "test", "install"} <= make_targets
    assert make_targets <= {*targets}


def test_the_version_is_the_same_wherever_it_is_said() -> None:
    [version] = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert version == VERSION == versions[0]
