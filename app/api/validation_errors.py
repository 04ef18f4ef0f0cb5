"""One sentence for a validation error of pydantic: it names the field and never repeats the value."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple


class Fault(NamedTuple):
    """The sentence for the caller and the field at fault, as "items.0.value"; None is the body as a whole."""

    field: str | None
    sentence: str


LITERAL: Final = "kennel_literal"
"""The type of a PydanticCustomError whose message the caller sees unchanged."""

_SENTENCES: Final[Mapping[tuple[str, str], str]] = {
    ("items", "missing"): "missing 'items' in JSON body",
    ("items", "too_short"): "missing 'items' in JSON body",
}
"""GigaWallet's own sentences, by field and error: its clients may search for them."""

_PREDICATES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number in reach",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "value_error": "is wrong: {error}",
    "datetime_type": "must be an RFC 3339 time",
    "datetime_parsing": "must be an RFC 3339 time",
    "datetime_from_date_parsing": "must be an RFC 3339 time",
    "timezone_aware": "must be a time with its zone",
}


def first(errors: Sequence[Any]) -> Fault:
    """Describe the first of pydantic's errors.

    There is at least one. Their locations are relative to the body or the parameter.
    """
    error = errors[0]
    field = path(error["loc"])
    kind: str = error["type"]
    if kind == LITERAL:
        return Fault(field, error["msg"])
    last = str(error["loc"][-1]) if error["loc"] else ""
    literal = _SENTENCES.get((last, kind))
    predicate = _PREDICATES.get(kind, "is not valid").format_map(error.get("ctx") or {})
    return Fault(field, literal or f"{field or 'the body'} {predicate}")


def path(location: Sequence[str | int]) -> str | None:
    """Write ("items", 0, "value") as "items.0.value"; each step is cut at 100 characters.

    A step that only names the form of the value ("<split>") is omitted.
    """
    return ".".join(str(step)[:100] for step in location if not str(step).startswith("<")) or None
