"""The texts of the page: every language has all of them, with the same facts, and writes numbers as its people do."""

import re
from string import Formatter

import pytest

from app.api.checkout import catalogues
from app.api.checkout.catalogues import Catalogue
from app.money import Koinu, parse

LANGUAGES = catalogues.all_catalogues()
ENGLISH = LANGUAGES["en"]


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("catalogue", LANGUAGES.values(), ids=LANGUAGES)
def test_a_catalogue_has_every_text_and_only_facts_of_the_english_one(catalogue: Catalogue) -> None:
    assert catalogue.texts.keys() == ENGLISH.texts.keys()
    assert [name for name, text in catalogue.texts.items() if not text.strip()] == []
    wrong = {name for name, text in catalogue.texts.items() if facts(text) != facts(ENGLISH.texts[name])}
    assert wrong == set()
    assert not [name for name, text in catalogue.texts.items() if re.search(r"[<>&]", text)]


@pytest.mark.parametrize(
    ("code", "shown"),
    [("en", "1,234,567.89012345")],
)
def test_numbers_are_written_as_in_the_language(code: str, shown: str) -> None:
    assert LANGUAGES[code].number(Koinu(parse("1234567.89012345"))) == shown
    assert LANGUAGES[code].number(Koinu(parse("100"))) == "100"


@pytest.mark.parametrize(
    ("wanted", "header", "code"),
    [
        ("", "", "en"),
        ("xx", "", "en"),
        ("", "*", "en"),
        ("", "fi", "en"),
        ("", ";;;,,,q=", "en"),
        ("", "en;q=0, xx", "en"),
    ],
)
def test_the_language_is_the_first_that_there_is(wanted: str, header: str, code: str) -> None:
    assert catalogues.choose(wanted, header).code == code


def test_what_fills_a_text_is_escaped_and_is_no_template() -> None:
    assert ENGLISH.fill("back", {"shop": "<b>{time}</b>"}) == "Back to &lt;b&gt;{time}&lt;/b&gt;"
