"""The four kinds of refusal. Each rule has its refusals beside it, with the sentence as the docstring."""

from typing import ClassVar, Self


class Refusal(Exception):
    """The request cannot be done."""

    code: ClassVar[str | None] = None
    """The machine-readable code; None: that of the kind."""
    field: str | None = None
    """The request's field that is wrong; None: no single one is."""

    def __init__(self, /, **facts: object) -> None:
        """Fill the docstring's braces with `facts`; `field` names the wrong field."""
        field = facts.pop("field", None)
        self.facts = facts
        super().__init__(" ".join((self.__doc__ or "").split()).format_map(_Clipped(facts)))
        if field is not None:
            self.field = str(field)

    def about(self, field: str) -> Self:
        """Return the same refusal, naming another field."""
        self.field = field
        return self


class _Clipped(dict[str, object]):
    """Repeats at most 100 characters of a caller's text."""

    def __getitem__(self, key: str) -> object:
        value = super().__getitem__(key)
        return value[:100] if isinstance(value, str) else value


class NotFound(Refusal):
    """There is no such thing."""


class Conflict(Refusal):
    """The thing is in a state in which this cannot be done."""


class Invalid(Refusal):
    """{reason}"""  # noqa: D400, D415  the reason is the sentence


class Forbidden(Refusal):
    """This caller may not do this."""
