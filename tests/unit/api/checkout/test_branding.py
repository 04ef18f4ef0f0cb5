"""The colour, the contact and the origins of an installation."""

import re

import pytest

from app.api.checkout.branding import Branding


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(
    "colour", ["c2a633", "000000", "ffffff", "ff0000", "0000ff", "757575", "808080", "00a000"]
)
def test_what_stands_on_the_colour_can_be_read(colour: str) -> None:
    [text] = re.findall(r"--on-accent:#(\w+)", Branding(colour=colour).style)

    lighter, darker = sorted((luminance(colour), 1.0 if text == "fff" else 0.0), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("", ""),
        ("mailto:a@b.example", "mailto:a@b.example?subject=Order%20%26%201"),
        ("mailto:a@b.example?cc=c@d.example", "mailto:a@b.example?cc=c@d.example&subject=Order%20%26%201"),
        ("https://b.example/help", "https://b.example/help?order=%26%201"),
        ("https://b.example/{order}/help", "https://b.example/%26%201/help"),
    ],
)
def test_the_contact_names_the_order(contact: str, link: str) -> None:
    assert Branding(contact=contact).contact_about("& 1", "Order & 1") == link


def test_only_an_origin_that_is_allowed_hears_of_states() -> None:
    listed = Branding(frame_origins=frozenset({"https://shop.example"}))
    every = Branding(frame_origins=frozenset({"*"}))

    assert [listed.frames(origin) for origin in ("https://shop.example", "https://x.example", "", "*")] == [
        True, False, False, False,
    ]  # fmt: skip
    assert [every.frames(origin) for origin in ("https://x.example", "", "*", "https://x.example/path")] == [
        True, False, False, False,
    ]  # fmt: skip
