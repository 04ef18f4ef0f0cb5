"""Whatever comes in is read or refused; nothing else is raised."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api import accounts, json_reader, new_invoice, validation_errors
from app.domain import dogecoin, refusals

NAMES = [
    *new_invoice.NewItem.model_fields,
    *new_invoice.NewInvoice.model_fields,
    *accounts.AccountFields.model_fields,
    "ITEMS",
]
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).map(
    lambda text: json_reader.read(text.encode())
)
"""Numbers as the reader hands them on; a plain Decimal comes from no body."""
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    NUMBERS,
    st.text(max_size=20),
    st.sampled_from(
        ["item", "discount", "1", "-1", "1e5", "0.00000001", 1, 2, "nXWd1WH3xAyaNJt3khVP3ZyJLYeEeC6Kk5"]
    ),
)
OBJECTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner)
    ),
    max_leaves=30,
)


def refusal_of(call: Callable[[], object]) -> str:
    """The sentence in which a call is refused, or nothing; any other error is a fault."""
    try:
        call()
    except refusals.Refusal as refusal:
        return str(refusal)
    except ValidationError as error:
        return validation_errors.first(error.errors(include_url=False, include_input=False)).sentence
    return ""


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    )
)
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    assert len(refusal_of(lambda: json_reader.canonical(json_reader.read(body)))) < 300


@settings(max_examples=300)
@given(OBJECTS)
def test_any_tree_is_an_order_or_refused_in_one_sentence(tree: Any) -> None:
    invoice = refusal_of(lambda: new_invoice.NewInvoice.model_validate(tree).order("shop"))
    fields = accounts.AccountFields
    account = refusal_of(lambda: fields.model_validate(tree).order("shop", dogecoin.REGTEST, "key:1"))

    assert max(len(invoice), len(account)) < 300


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_what_is_written_exactly_reads_back_the_same(tree: Any) -> None:
    assert json.loads(json_reader.exact(tree)) == tree
