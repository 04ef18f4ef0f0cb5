"""The texts of the page: every language has all of them, with the same facts, and writes numbers as its people do."""

import re
from string import Formatter

import pytest

from app.api.access import authorize_page
from app.api.checkout import catalogues
from app.domain.access import SCOPES
from app.money import Koinu, parse

LANGUAGES = catalogues.all_catalogues()
COMPLETE = {"ar", "de", "en", "es", "fr", "ja", "pt", "zh"}
ENGLISH = LANGUAGES["en"]
PAGES = {"checkout": LANGUAGES, "authorize": authorize_page.languages()}
"""The texts of each page, by their languages."""


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_there_are_the_languages_that_are_promised() -> None:
    assert LANGUAGES.keys() >= COMPLETE
    assert {code for code, catalogue in LANGUAGES.items() if catalogue.direction == "rtl"} == {"ar"}


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_a_catalogue_has_every_text_and_only_facts_of_the_english_one(page: str, code: str) -> None:
    english, texts = PAGES[page]["en"].texts, PAGES[page][code].texts

    assert texts.keys() == english.keys()
    assert [name for name, text in texts.items() if not text.strip()] == []
    assert {name for name, text in texts.items() if facts(text) != facts(english[name])} == set()
    assert not [name for name, text in texts.items() if re.search(r"[<>&]", text)]


def test_the_page_of_grants_says_of_each_scope_what_it_opens() -> None:
    texts = PAGES["authorize"]["en"].texts

    named = {name: text for name, text in texts.items() if name.startswith("scope_")}
    assert named == {f"scope_{scope.replace(':', '_')}": meaning for scope, meaning in SCOPES.items()}


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("en", "1,234,567.89012345"),
        ("de", "1.234.567,89012345"),
        ("es", "1.234.567,89012345"),
        ("pt", "1.234.567,89012345"),
        ("fr", "1\u202f234\u202f567,89012345"),
        ("ar", "1,234,567.89012345"),
        ("ja", "1,234,567.89012345"),
        ("zh", "1,234,567.89012345"),
    ],
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
        ("", "fi, de-AT;q=0.9, fr;q=0.8", "de"),
        ("", "fr;q=0.8, de-AT;q=0.9", "de"),
        ("", "zh-Hant-TW", "zh"),
        ("", "de;q=0, ja", "ja"),
        ("ar", "de", "ar"),
    ],
)
def test_the_language_is_the_first_that_there_is(wanted: str, header: str, code: str) -> None:
    assert catalogues.choose(wanted, header).code == code


def test_a_value_does_not_turn_a_sentence_that_runs_from_right_to_left() -> None:
    sentence = LANGUAGES["ar"].fill("back", {"shop": "<Moon> 1"})

    assert sentence.endswith("\u2068&lt;Moon&gt; 1\u2069")


def test_what_fills_a_text_is_escaped_and_is_no_template() -> None:
    assert ENGLISH.fill("back", {"shop": "<b>{time}</b>"}) == "Back to &lt;b&gt;{time}&lt;/b&gt;"
