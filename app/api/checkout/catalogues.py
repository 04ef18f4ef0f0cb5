"""The texts of the page: one file a language, which a translator can open in any editor."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from markupsafe import Markup, escape

from app.money import show

FOLDER: Final = Path(__file__).parent / "texts"
DEFAULT: Final = "en"
_LONGEST_HEADER: Final = 300
_ISOLATED: Final = Markup("\u2068{}\u2069")
"""The direction of what is isolated does not turn that of the sentence around it (Unicode UAX 9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The texts of a language by their names; `{fact}` in a text stands for something of the invoice."""

    code: str
    language: str
    direction: str
    decimal_mark: str
    group_mark: str
    texts: Mapping[str, str]

    def number(self, koinu: int) -> str:
        """Return an amount as people of the language write numbers, for reading only."""
        return self.decimal(show(koinu))

    def decimal(self, text: str) -> str:
        """Return decimal text as people of the language write numbers, for reading only."""
        whole, _, fraction = text.partition(".")
        sign = "-" if whole.startswith("-") else ""
        grouped = sign + f"{abs(int(whole)):,}".replace(",", self.group_mark)
        return f"{grouped}{self.decimal_mark}{fraction}" if fraction else grouped

    def fill(self, name: str, facts: Mapping[str, str]) -> Markup:
        """Return a text with the facts in it, as HTML; what is no Markup is escaped."""
        if self.direction == "rtl":
            facts = {key: _ISOLATED.format(fact) for key, fact in facts.items()}
        return escape(self.texts[name]).format_map(facts)


@cache
def all_catalogues() -> Mapping[str, Catalogue]:
    """Return the catalogues by the codes of their languages; the files are read once."""
    files = {file.stem: tomllib.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.toml"))}
    return {code: Catalogue(code=code, **content) for code, content in files.items()}


@cache
def with_texts(folder: Path) -> Mapping[str, Catalogue]:
    """Return the same languages with the texts of another page: a file of nothing but texts for each."""
    files = {code: tomllib.loads((folder / f"{code}.toml").read_text("utf-8")) for code in all_catalogues()}
    return {code: replace(catalogue, texts=files[code]) for code, catalogue in all_catalogues().items()}


def choose(wanted: str, accept_language: str, catalogues: Mapping[str, Catalogue] | None = None) -> Catalogue:
    """Return the catalogue of the code that is `wanted`, else of the header Accept-Language, else English.

    It is one of `catalogues`; None: of those of the checkout.
    """
    catalogues = catalogues or all_catalogues()
    codes = [wanted, *_preferences(accept_language[:_LONGEST_HEADER]), DEFAULT]
    return next(catalogues[code] for code in codes if code in catalogues)


def _preferences(header: str) -> list[str]:
    """Return the languages of the header without their regions, the most wanted first (RFC 9110, 12.5.4)."""
    weighted = []
    for part in header.split(","):
        tag, _, quality = part.partition(";")
        weight = quality.strip().removeprefix("q=") or "1"
        weighted.append((weight, tag.strip().partition("-")[0].lower()))
    return [code for weight, code in sorted(weighted, key=lambda pair: pair[0], reverse=True) if weight > "0"]
