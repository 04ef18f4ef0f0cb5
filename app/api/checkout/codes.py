"""QR codes as SVG that stands in the page."""

from functools import lru_cache
from typing import Final

import segno
from markupsafe import Markup

_QUIET_ZONE: Final = 4
"""Empty modules around the code (ISO/IEC 18004)."""


@lru_cache(maxsize=512)
def svg(content: str) -> Markup:
    """Paint a code, dark on light whatever the theme, error correction M; takes milliseconds: use a thread."""
    code = segno.make_qr(content, error="m", boost_error=False)
    return Markup(  # noqa: S704  segno writes numbers and the names of its own elements only
        code.svg_inline(
            border=_QUIET_ZONE, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None
        )
    )
