"""The four kinds of refusal; each rule keeps its own beside it, with the sentence as its docstring."""

from typing import ClassVar, Self


class Refusal(Exception):
    """The request cannot be done."""

    code: ClassVar[str | None] = None
    """The machine-readable code where it is not that of the kind."""
    field: str | None = None
    """The request's field that is at fault, where one is."""

    def __init__(self, /, **facts: object) -> None:
        """Fill the docstring's braces with `facts`; `field` names what is at fault."""
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
    """A caller's text is repeated to 100 characters at the most."""

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
