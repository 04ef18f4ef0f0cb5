"""Which characters a caller's text may have: all but those that break or garble a line."""

import re
from typing import Final

_LINE_BREAKERS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Unicode's controls (Cc), line and paragraph separators (Zl, Zp) and halves of surrogate pairs (Cs)."""
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""The same without tabs and ends of lines."""


def forbidden(line: str) -> bool:
    """Say whether a line (a name, a reference, a key) has a forbidden character.

    Names of people have joiners, direction marks, wide spaces, and characters that are newer than this
    program.
    """
    return _LINE_BREAKERS.search(line) is not None


def forbidden_in_lines(text: str) -> bool:
    """Say the same of a text of several lines, which may have tabs and ends of lines."""
    return _CONTROLS.search(text) is not None
