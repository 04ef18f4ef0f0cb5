"""The QR code of a payment, and the URI in it."""

import asyncio
import io
import re
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

import segno
from fastapi import Query
from PIL import Image
from starlette.responses import Response

from app import money

PIXELS: Final = 512
_QUIET_ZONE: Final = 4
"""Empty modules around the code (ISO/IEC 18004)."""
_COLOUR: Final = re.compile(r"[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?")
_KEPT: Final = 256

Asked = Annotated[str | None, Query(description="Hex RRGGBB or RRGGBBAA")]
"""A colour in a request."""

HEADERS: Final = {"Cache-Control": "max-age=900, immutable"}


class Colour(NamedTuple):
    """A colour and how opaque it is, each 0 to 255."""

    red: int
    green: int
    blue: int
    alpha: int = 255


BLACK: Final = Colour(0, 0, 0)
WHITE: Final = Colour(255, 255, 255)


def uri(address: str, amount: int | None = None) -> str:
    """Say "pay `amount` koinu (None: whatever you like) to `address`" as wallets read it (BIP21, Dogecoin's scheme)."""
    return f"dogecoin:{address}" if amount is None else f"dogecoin:{address}?amount={money.show(amount)}"


def colour(text: str | None, otherwise: Colour) -> Colour:
    """Read hex RRGGBB or RRGGBBAA; anything else is `otherwise`, as in GigaWallet."""
    if text is None or not _COLOUR.fullmatch(text):
        return otherwise
    return Colour(*bytes.fromhex(text))


@lru_cache(maxsize=_KEPT)
def png(content: str, foreground: Colour = BLACK, background: Colour = WHITE) -> bytes:
    """Paint `content` as a QR code of PIXELS x PIXELS, error correction M; takes milliseconds, so use a thread."""
    matrix = segno.make_qr(content, error="m", boost_error=False).matrix
    size = len(matrix)
    scale = PIXELS // (size + 2 * _QUIET_ZONE)
    code = Image.frombytes("P", (size, size), b"".join(bytes(row) for row in matrix))
    code = code.resize((size * scale, size * scale), Image.Resampling.NEAREST)
    picture = Image.new("P", (PIXELS, PIXELS), 0)
    picture.putpalette([*background, *foreground], "RGBA")
    corner = (PIXELS - size * scale) // 2
    picture.paste(code, (corner, corner))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


async def picture(content: str, foreground: str | None, background: str | None) -> Response:
    """Answer with the code as a PNG, black on white where no colours are given."""
    painted = await asyncio.to_thread(png, content, colour(foreground, BLACK), colour(background, WHITE))
    return Response(painted, media_type="image/png", headers=HEADERS)
