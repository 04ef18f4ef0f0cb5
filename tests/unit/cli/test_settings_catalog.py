"""The settings are documented whole, from the code that reads them."""

from pathlib import Path

import pytest

from app.cli import settings_catalog
from app.config.sections import Callback, EventBus, EventFilter, Logger, Queue
from app.config.settings import VARIABLES, Settings

ROOT = Path(__file__).parents[3]


def test_the_page_in_the_docs_is_what_make_docs_writes() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_catalog.page()


def test_the_example_of_an_environment_is_what_make_docs_writes() -> None:
    assert (ROOT / ".env.example").read_text() == settings_catalog.example()


def test_every_setting_says_what_it_sets() -> None:
    assert settings_catalog.meanings(Settings).keys() == VARIABLES.keys()


@pytest.mark.parametrize("kind", [Callback, EventBus, Logger, Queue])
def test_every_key_of_a_section_says_what_it_sets(kind: type[EventFilter]) -> None:
    described = settings_catalog.meanings(kind).keys() | settings_catalog.meanings(EventFilter).keys()

    assert described == kind.model_fields.keys()
