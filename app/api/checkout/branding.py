"""What an installation says of itself on the pages of its payers, and what these pages may load."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

ANY: Final = "*"
"""In place of origins: every origin."""
COLOUR: Final = "c2a633"
_LINEAR_BELOW: Final = 0.04045
_MIDDLE_LUMINANCE: Final = 0.179
"""On a colour that is lighter, black has more contrast than white (WCAG 2.2, contrast ratio)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branding:
    """The `name` and the `url` are for accounts without a vendor_name and a vendor_url; `colour` is RRGGBB.

    Pages of `frame_origins` may show the checkout in a frame. Pictures may come from `image_origins`.
    `contact` and `explorer_url` hold `{order}` and `{txid}`.
    """

    name: str = ""
    url: str = ""
    contact: str = ""
    logo: str = ""
    colour: str = COLOUR
    frame_origins: frozenset[str] = frozenset()
    image_origins: frozenset[str] = frozenset()
    explorer_url: str = ""

    @property
    def policy(self) -> str:
        """The Content-Security-Policy of the page: all that it needs comes from us."""
        logo = {origin_of(self.logo)} - {""}
        images = " ".join(["'self'", "data:", *sorted(self.image_origins | logo)])
        ancestors = " ".join(sorted(self.frame_origins)) or "'none'"
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            f"img-src {images}; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
        )

    @property
    def policy_with_forms(self) -> str:
        """The policy of a page whose form is sent to us."""
        return self.policy.replace("form-action 'none'", "form-action 'self'")

    @property
    def style(self) -> str:
        """The colour as custom properties, and black or white on it: whichever has more contrast."""
        channels = [int(self.colour[index : index + 2], 16) / 255 for index in (0, 2, 4)]
        red, green, blue = map(_linear, channels)
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > _MIDDLE_LUMINANCE
        return f":root{{--accent:#{self.colour};--on-accent:{'#000' if light else '#fff'}}}"

    def frames(self, origin: str) -> bool:
        """Whether pages of this origin may show the checkout in a frame, and hear of its states."""
        return bool(origin) and origin == origin_of(origin) and bool(self.frame_origins & {origin, ANY})

    def shows(self, picture: str) -> bool:
        """Whether the policy lets the page load a merchant's picture."""
        return picture.startswith("data:image/") or origin_of(picture) in self.image_origins

    def contact_about(self, order: str, subject: str) -> str:
        """Return the link by which a payer asks about an order; "" where the operator names no contact."""
        if not self.contact or "{order}" in self.contact:
            return self.contact.replace("{order}", quote(order, safe=""))
        parameter = "subject" if self.contact.startswith("mailto:") else "order"
        value = subject if parameter == "subject" else order
        mark = "&" if "?" in self.contact else "?"
        return f"{self.contact}{mark}{parameter}={quote(value, safe='')}"

    def explorer_of(self, txid: str) -> str:
        """Return the page of a transaction, "" for none."""
        return self.explorer_url.replace("{txid}", txid)


def origin_of(url: str) -> str:
    """Return scheme, host and port of an http or https URL as browsers write them; "" of any other text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _linear(channel: float) -> float:
    """Return the linear light of a channel of sRGB (IEC 61966-2-1)."""
    return channel / 12.92 if channel <= _LINEAR_BELOW else ((channel + 0.055) / 1.055) ** 2.4
