"""The QR code of a payment, and the URI in it."""

import asyncio
import io
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple
from zlib import crc32

from fastapi import Depends, Query
from markupsafe import Markup
from starlette.responses import Response

from app import money
from app.api import revalidation
from app.domain.refusals import Refusal

if TYPE_CHECKING:  # a process that paints no code loads neither this nor Pillow
    from segno import QRCode

PIXELS: Final = 512
_QUIET_ZONE: Final = 4
"""Empty modules around the code (ISO/IEC 18004)."""
_COLOUR: Final = re.compile(r"[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?")
CACHED: Final = 256
"""Codes that are kept; the oldest goes first."""
QUEUED: Final = 64
"""Codes that may wait to be painted; one more is refused with TooManyPictures."""
QUEUED_FOR_ONE: Final = 16
"""Codes that may wait for one client: a painting takes milliseconds."""

ColourText = Annotated[str | None, Query(description="Hex RRGGBB or RRGGBBAA")]
"""A colour in a request."""

FIXED: Final = "max-age=900, immutable"
"""Cache-Control of a code: what an address or an invoice asks for never changes."""
PNG_RESPONSE: Final = {200: {"content": {"image/png": {}}}, **revalidation.NOT_CHANGED}
SVG_RESPONSE: Final = {200: {"content": {"image/svg+xml": {}}}, **revalidation.NOT_CHANGED}
"""How OpenAPI describes the answers."""
_SVG_COLOURS: Final = ('fill="#fff"', 'stroke="#000"')
"""The background and the foreground in the SVG as it is painted."""
_DRAWN: Final[dict[str, Any]] = {
    "border": _QUIET_ZONE, "dark": "#000", "light": "#fff", "omitsize": True, "svgclass": None, "lineclass": None,
}  # fmt: skip
"""Dark on light whatever the theme, and as large as it is wanted."""


class Colour(NamedTuple):
    """A colour and how opaque it is, each 0 to 255."""

    red: int
    green: int
    blue: int
    alpha: int = 255


BLACK: Final = Colour(0, 0, 0)
WHITE: Final = Colour(255, 255, 255)


async def _colours(fg: ColourText = None, bg: ColourText = None) -> tuple[str | None, str | None]:
    return fg, bg


Colours = Annotated[tuple[str | None, str | None], Depends(_colours)]
"""The colours of a code in a request, as they were written."""


def payment_uri(address: str, amount: int | None = None) -> str:
    """Return the URI by which wallets pay `amount` koinu (None: any) to `address` (BIP21, `dogecoin:`)."""
    return f"dogecoin:{address}" if amount is None else f"dogecoin:{address}?amount={money.show(amount)}"


def colour(text: str | None, otherwise: Colour) -> Colour:
    """Read hex RRGGBB or RRGGBBAA. Anything else gives `otherwise`, as in GigaWallet."""
    if text is None or not _COLOUR.fullmatch(text):
        return otherwise
    return Colour(*bytes.fromhex(text))


class Code(NamedTuple):
    """A painted QR code: the bytes of the PNG before its palette, those behind it, and the SVG."""

    head: bytes
    body: bytes
    drawing: str

    def png(self, foreground: Colour = BLACK, background: Colour = WHITE) -> bytes:
        """Return the PNG in these colours; takes microseconds."""
        palette = (background, foreground)
        colours = b"".join(bytes(colour[:3]) for colour in palette)
        opacity = bytes(colour.alpha for colour in palette)
        return self.head + _chunk(b"PLTE", colours) + _chunk(b"tRNS", opacity) + self.body

    def svg(self, foreground: Colour = BLACK, background: Colour = WHITE) -> bytes:
        """Return the SVG in these colours, as large as it is wanted; it has its quiet zone."""
        drawing = self.drawing
        for painted, wanted in zip(_SVG_COLOURS, (background, foreground), strict=True):
            what, _, _ = painted.partition("=")
            rgb = bytes(wanted[:3]).hex()
            drawing = drawing.replace(painted, f'{what}="#{rgb}" {what}-opacity="{wanted.alpha / 255:.3f}"')
        return drawing.encode()


def code(content: str) -> Code:
    """Paint `content` as a code of PIXELS x PIXELS, error correction M; takes milliseconds: use a thread."""
    from PIL import Image

    symbol = _symbol(content)
    matrix = symbol.matrix
    size = len(matrix)
    scale = PIXELS // (size + 2 * _QUIET_ZONE)
    modules = Image.frombytes("P", (size, size), b"".join(bytes(row) for row in matrix))
    modules = modules.resize((size * scale, size * scale), Image.Resampling.NEAREST)
    picture = Image.new("P", (PIXELS, PIXELS), 0)
    picture.putpalette([*WHITE, *BLACK], "RGBA")
    corner = (PIXELS - size * scale) // 2
    picture.paste(modules, (corner, corner))
    file = io.BytesIO()
    picture.save(file, "PNG")
    painted = file.getvalue()
    return Code(painted[: painted.index(b"PLTE") - 4], painted[painted.index(b"IDAT") - 4 :], _drawn(symbol))


@lru_cache(maxsize=2 * CACHED)
def inline(content: str) -> Markup:
    """Draw `content` as an SVG that stands in a page; takes milliseconds: use a thread."""
    return Markup(_symbol(content).svg_inline(**_DRAWN))  # noqa: S704  segno writes numbers and its own names only


def _symbol(content: str) -> "QRCode":
    import segno

    return segno.make_qr(content, error="m", boost_error=False)


def _drawn(symbol: "QRCode") -> str:
    """Draw the code as an SVG file in _SVG_COLOURS."""
    file = io.BytesIO()
    symbol.save(file, kind="svg", xmldecl=False, **_DRAWN)
    return file.getvalue().decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Write a chunk of a PNG (ISO/IEC 15948, 5.3)."""
    return len(content).to_bytes(4) + kind + content + crc32(kind + content).to_bytes(4)


class TooManyPictures(Refusal):
    """{limit} pictures are being painted already; try again."""

    code = "not-available"


class TooManyPicturesForOne(Refusal):
    """{limit} pictures are being painted for this address already; try again."""

    code = "rate-limited"


class Painter:
    """Paints in a thread of its own: a code once, however many callers want it, in whatever colours."""

    def __init__(self, paint: Callable[[str], Code] = code) -> None:
        self._paint = paint
        self._thread = ThreadPoolExecutor(1, "painter")
        self._cache: dict[str, Code] = {}
        self._queue: dict[str, asyncio.Future[Code]] = {}
        self._clients: Counter[str] = Counter()

    async def picture(
        self,
        content: str,
        foreground: str | None,
        background: str | None,
        client: str = "",
        *,
        svg: bool = False,
    ) -> Response:
        """Answer with the code as a PNG or SVG; without colours it is black on white.

        A `client` that waits for QUEUED_FOR_ONE codes already is refused; "" is nobody.
        """
        painted = self._cache.get(content) or await self._painted_for(client, content)
        colours = colour(foreground, BLACK), colour(background, WHITE)
        if svg:
            return Response(painted.svg(*colours), media_type="image/svg+xml")
        return Response(painted.png(*colours), media_type="image/png")

    async def _painted_for(self, client: str, content: str) -> Code:
        if client and self._clients[client] >= QUEUED_FOR_ONE:
            raise TooManyPicturesForOne(limit=QUEUED_FOR_ONE)
        self._clients[client] += 1
        try:
            return await self._painted(content)
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    async def _painted(self, content: str) -> Code:
        """Return the code once it is painted. Callers share a painting; one that leaves does not stop it."""
        if content not in self._queue:
            if len(self._queue) >= QUEUED:
                raise TooManyPictures(limit=QUEUED)
            painting = asyncio.get_running_loop().run_in_executor(self._thread, self._paint, content)
            self._queue[content] = painting
            painting.add_done_callback(partial(self._keep, content))
        return await asyncio.shield(self._queue[content])

    def _keep(self, content: str, painted: asyncio.Future[Code]) -> None:
        del self._queue[content]
        if not painted.cancelled() and painted.exception() is None:
            self._cache[content] = painted.result()
        if len(self._cache) > CACHED:
            del self._cache[next(iter(self._cache))]
