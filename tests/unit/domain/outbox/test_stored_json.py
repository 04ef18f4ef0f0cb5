"""Stored JSON text in an event's message and in its envelope: it comes out as it was stored, whatever is in it."""

import json
from dataclasses import replace

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.domain import event_examples, outbox
from app.domain.outbox import payload

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(
    ['"', "\\", '\\u0000{"a":1}', '"\\u0000', '"metadata":"', "\\\\", '\\"\\u0000']
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
EVENT = event_examples.event(event_examples.all_types()["INV_CREATED"])


@given(tree=TREES, around=TEXTS, other=TREES)
def test_stored_json_stands_in_a_message_as_it_was_written(tree: object, around: str, other: object) -> None:
    first, second = json.dumps(tree, indent=1), json.dumps(other, ensure_ascii=False)
    whole = {around: around, "a": orjson.Fragment(first), "b": [around, orjson.Fragment(second)]}

    message = payload.json_text(whole)
    sent = outbox.envelope(replace(EVENT, message=message))

    assert message.endswith(f'"b":[{json.dumps(around, ensure_ascii=False)},{second}]}}')
    assert f'"a":{first},' in message
    assert f'"message":{message},'.encode() in sent
    assert json.loads(sent)["message"] == {around: around, "a": tree, "b": [around, other]} | (
        {"a": tree} if around == "a" else {}
    )


def test_numbers_that_no_float_holds_are_kept_to_the_last_digit() -> None:
    text = '{"eth":1.000000000000000001,"big":9007199254740993.0,"far":1E+300,"huge":12345678901234567890123}'

    assert payload.json_text({"metadata": orjson.Fragment(text)}) == f'{{"metadata":{text}}}'
