"""Inputs that nobody means well with: what is right, changed a little here and there, and what is odd by itself."""

import json
import random
from collections.abc import Sequence
from typing import Any, Final

ODD_TEXTS: Final = (
    "", " ", "\0", "\ud800", "\u202e", "٣", "½", "-", "+1", "-0", "00", "1.", ".5", "1e3", "1e999", "1e-999", "0x10",
    "1_000", "1,5", "NaN", "Infinity", "9" * 18, "9" * 19, "9" * 65, "0." + "0" * 70 + "1", "10000000000.00000001",
    "true", "null", "[]", "{}", "%", "%00", "..", "/", "\\", "'", '"', "\r\n", "a" * 300, "é" * 200, "🐕", "@", ":", "#",
    "http://", "http://[::1", "http://a:99999", "postgresql://", "mqtt://u:p@h:0", "127.0.0.1:0", "::1", "1111111111",
)  # fmt: skip
ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30, 0.1, -0.5, 1e308, 5e-324, [], {}, [[]],
    {"": ""}, [None] * 3, *ODD_TEXTS,
)  # fmt: skip
EDGES: Final = (0, 1, 2, 0x7F, 0x80, 0xFC, 0xFD, 0xFE, 0xFF)


class Inputs:
    """Makes them; the same seed makes the same."""

    def __init__(self, seed: object) -> None:
        self.chance = random.Random(str(seed))

    def raw(self, rights: Sequence[bytes]) -> bytes:
        """Bytes like one of these."""
        if self.chance.random() < 0.05:
            return self.chance.randbytes(self.chance.randrange(200))
        piece = bytearray(self.chance.choice(rights))
        for _ in range(self.chance.choice((0, 1, 1, 1, 2, 3, 8))):
            self._change(piece, self.chance.choice(rights))
        return bytes(piece)

    def text(self, rights: Sequence[str]) -> str:
        """Text like one of these."""
        act, right = self.chance.random(), self.chance.choice(rights)
        if act < 0.2:
            return self.chance.choice(ODD_TEXTS)
        at, to = sorted(self.chance.randrange(len(right) + 1) for _ in range(2))
        if act < 0.5:
            return right[:at] + self.chance.choice(ODD_TEXTS) + right[to:]
        if act < 0.7:
            return (
                right[:at]
                + chr(self.chance.choice((self.chance.randrange(128), 0x131, 0x1F415)))
                + right[at:]
            )
        if act < 0.8:
            return right[:at] + right[to:]
        return right

    def number(self) -> str:
        """Digits as people and programs write them, with or without a point, sign and exponent."""
        digits = "".join(self.chance.choices("0123456789", k=self.chance.randrange(1, 22)))
        at = self.chance.randrange(len(digits) + 1)
        form = self.chance.choice(
            ("{0}", "{1}.{2}", "-{0}", "{0}e{3}", "{1}.{2}E-{3}", " {0}", "{0}0000000000")
        )
        return form.format(digits, digits[:at], digits[at:], self.chance.randrange(40))

    def body(self, rights: Sequence[dict[str, Any]]) -> bytes:
        """A body like the JSON of one of these."""
        tree = self.tree(dict(self.chance.choice(rights)))
        text = json.dumps(tree, ensure_ascii=self.chance.random() < 0.5).encode("utf-8", "surrogatepass")
        return self.raw([text]) if self.chance.random() < 0.2 else text

    def tree(self, node: Any) -> Any:
        """A tree like this one, with one value in another's place here and there."""
        if self.chance.random() < 0.15:
            return self.chance.choice((self.chance.choice(ODD_VALUES), self.number()))
        if isinstance(node, dict):
            changed = {name: self.tree(value) for name, value in node.items() if self.chance.random() < 0.95}
            if self.chance.random() < 0.1:
                changed[self.chance.choice(ODD_TEXTS)] = self.chance.choice(ODD_VALUES)
            return changed
        if isinstance(node, list | tuple):
            return [self.tree(value) for value in node] * self.chance.choice((1, 1, 1, 0, 2))
        return node

    def _change(self, piece: bytearray, other: bytes) -> None:
        """Change a byte, or cut, repeat or insert a few."""
        if not piece:
            piece += other[: self.chance.randrange(1, 100)]
            return
        at = self.chance.randrange(len(piece))
        end = min(len(piece), at + self.chance.choice((1, 1, 2, 4, 32, 80, 1_000)))
        act = self.chance.randrange(6)
        if act == 0:
            piece[at] = self.chance.choice(EDGES)
        elif act == 1:
            piece[at] ^= 1 << self.chance.randrange(8)
        elif act == 2:
            del piece[at:end]
        elif act == 3:
            piece[at:at] = piece[at:end]
        elif act == 4:
            start = self.chance.randrange(max(1, len(other)))
            piece[at:end] = other[start : start + end - at]
        else:
            del piece[at:]
