"""JSON text in other JSON: whatever is in it, it comes out as it was put in."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.db import fragments

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(
    ['"', "\\", '\\u0000{"a":1}', '"\\u0000', '"metadata":"', "\\\\", '\\"\\u0000']
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(tree=TREES, around=TEXTS, other=TREES)
def test_a_fragment_stands_in_its_place_as_it_was_written(tree: object, around: str, other: object) -> None:
    first, second = json.dumps(tree, indent=1), json.dumps(other, ensure_ascii=False)
    document = {around: around, "a": fragments.fragment(first), "b": [around, fragments.fragment(second)]}

    for ascii_only in (True, False):
        placed = fragments.placed(json.dumps(document, ensure_ascii=ascii_only, separators=(",", ":")))

        quoted = json.dumps(around, ensure_ascii=ascii_only)
        assert placed.endswith(f'"b":[{quoted},{second}]}}')
        assert f'"a":{first},' in placed
        assert json.loads(placed) == {around: around, "a": tree, "b": [around, other]} | (
            {"a": tree} if around == "a" else {}
        )


def test_numbers_that_no_float_holds_are_kept_to_the_last_digit() -> None:
    text = '{"eth":1.000000000000000001,"big":9007199254740993.0,"far":1E+300,"huge":12345678901234567890123}'

    assert fragments.placed(json.dumps({"metadata": fragments.fragment(text)})) == f'{{"metadata": {text}}}'
