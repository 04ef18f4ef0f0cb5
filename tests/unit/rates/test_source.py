"""What a source may be, and which answers are rates."""

from decimal import Decimal

import pytest

from app.rates import source
from app.rates.source import BadSource, Nonsense


def test_a_source_is_a_number_or_a_url_with_the_way_to_the_number() -> None:
    fixed = source.parse("eur=0.15")
    asked = source.parse("USD=https://api.example/v1/t?ids=dogecoin,x=y#/result/a~1b/c%20d/0")

    assert (fixed.currency, fixed.name, fixed.fixed) == ("EUR", "fixed", Decimal("0.15"))
    assert (asked.currency, asked.name, asked.fixed) == ("USD", "api.example", None)
    assert asked.url == "https://api.example/v1/t?ids=dogecoin,x=y"
    assert asked.pointer == ("result", "a/b", "c d", "0")


def test_the_key_in_a_sources_url_is_not_shown() -> None:
    assert "secret" not in repr(source.parse("EUR=https://api.example/?key=secret#/price"))


@pytest.mark.parametrize(
    "entry",
    ["", "EUR", "XXQ=1", "EUR=", "EUR=-1", "EUR=0", "EUR=nan", "EUR=1e9", "EUR=https://a.example/", "EUR=ftp://a#/b",
     "EUR=https://a.example/#price", "EUR=https:///#/a", "EURO=1"],
)  # fmt: skip
def test_what_can_be_no_source_is_refused_in_words(entry: str) -> None:
    with pytest.raises(BadSource):
        source.parse(entry)


@pytest.mark.parametrize(
    ("body", "pointer", "rate"),
    [
        (b'{"price":0.1512}', ("price",), "0.1512"),
        (b'{"price":"0.1512000"}', ("price",), "0.1512"),
        (b'{"price":15e-2}', ("price",), "0.15"),
        (b'{"a":[{"b":2},{"b":3}]}', ("a", "1", "b"), "3"),
        (b'{"price":0.12345678901234567890}', ("price",), "0.123456789012"),
        (b"[1.5]", ("0",), "1.5"),
    ],
)
def test_a_rate_is_read_exactly_from_its_place(body: bytes, pointer: tuple[str, ...], rate: str) -> None:
    assert source.number_in(body, pointer) == Decimal(rate)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Too many requests</html>", b"\xff", b"[" * 100_000, b"null", b"[]", b'{"price":null}',
     b'{"price":true}', b'{"price":0}', b'{"price":-0.15}', b'{"price":NaN}', b'{"price":"NaN"}',
     b'{"price":Infinity}', b'{"price":1e400}', b'{"price":99999999999}', b'{"price":"0,15"}', b'{"price":" 1"}',
     b'{"price":1e-30}', b'{"price":{"price":1}}', b'{"prise":1}', b'{"price":"' + b"9" * 9_000 + b'"}'],
)  # fmt: skip
def test_nonsense_is_no_rate(body: bytes) -> None:
    with pytest.raises(Nonsense):
        source.number_in(body, ("price",))
