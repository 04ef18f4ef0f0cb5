"""Fragments: JSON text that stands in other JSON as it is kept, so that what callers wrote goes out as it came in.

Encoders of JSON know no such thing, and whoever reads a number to write it again makes a float of it. So a fragment is
encoded as text that begins with NUL, which no other text does that was read or kept, and then put in its place.
"""

import json
from typing import Final

_BEGIN: Final = '"\\u0000'
"""A quote inside of any text is written with a backslash before it, so this begins where a text begins."""
_DECODER: Final = json.JSONDecoder()


def fragment(text: str) -> str:
    """Stand for JSON text until what it stands in is encoded."""
    return f"\0{text}"


def placed(encoded: str) -> str:
    """Put the fragments of an encoded value in their places."""
    parts: list[str] = []
    done = 0
    while (begin := encoded.find(_BEGIN, done)) >= 0:
        text, end = _DECODER.raw_decode(encoded, begin)
        parts += (encoded[done:begin], text[1:])
        done = end
    return "".join([*parts, encoded[done:]]) if parts else encoded
