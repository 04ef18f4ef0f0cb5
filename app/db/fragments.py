"""Fragments: JSON text inside other JSON, as stored: what callers wrote goes out as it came in.

JSON encoders have no such thing, and a decoder that reads a number to write it again makes a float of it. So
a fragment is encoded as text that begins with NUL, as no other stored text does, and is then put in its
place.
"""

import json
from typing import Final

_BEGIN: Final = '"\\u0000'
"""A quote inside a text is written with a backslash before it, so this begins where a text begins."""
_DECODER: Final = json.JSONDecoder()


def fragment(text: str) -> str:
    """Stand for JSON text until the value around it is encoded."""
    return f"\0{text}"


def placed(encoded: str) -> str:
    """Put the fragments of an encoded value in their places."""
    parts: list[str] = []
    end = 0
    while (begin := encoded.find(_BEGIN, end)) >= 0:
        parts.append(encoded[end:begin])
        text, end = _DECODER.raw_decode(encoded, begin)
        parts.append(text[1:])
    return "".join([*parts, encoded[end:]]) if parts else encoded
