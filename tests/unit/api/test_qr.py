import asyncio
import io
import threading

import pytest
import segno
from PIL import Image

from app.api import qr

URI = "dogecoin:DPD7uK4B1kRmbfGmytBhG1DZjaMWNfbpwY?amount=12.25"


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGBA")


def modules(picture: Image.Image) -> list[list[int]]:
    """Read the code back: find it by its first and last dark pixel, then sample the middle of each module."""
    dark = Image.eval(picture.convert("L"), lambda grey: 255 if grey < 128 else 0).getbbox()
    assert dark is not None
    side = dark[2] - dark[0]
    size = len(segno.make_qr(URI, error="m", boost_error=False).matrix)
    middle = [dark[0] + side * (2 * index + 1) // (2 * size) for index in range(size)]
    return [[int(picture.getpixel((x, y))[0] < 128) for x in middle] for y in middle]  # type: ignore[index]


def test_the_uri_carries_the_amount_trimmed() -> None:
    assert qr.payment_uri("DPD7uK4B1kRmbfGmytBhG1DZjaMWNfbpwY", 1_225_000_000) == URI


def test_the_picture_is_the_code_at_512_pixels_with_a_quiet_zone() -> None:
    picture = opened(qr.code(URI).png())

    assert picture.size == (512, 512)
    expected = segno.make_qr(URI, error="m", boost_error=False).matrix
    assert modules(picture) == [list(row) for row in expected]
    dark = Image.eval(picture.convert("L"), lambda grey: 255 - grey).getbbox()
    assert dark is not None
    scale = (dark[2] - dark[0]) // len(expected)
    assert dark[0] >= 4 * scale
    assert 512 - dark[2] >= 4 * scale


def test_colours_and_their_opacity_are_painted() -> None:
    picture = opened(qr.code(URI).png(qr.colour("ff800080", qr.BLACK), qr.colour("00000000", qr.WHITE)))

    colours = {colour for _, colour in picture.getcolors() or []}
    assert colours == {(255, 128, 0, 128), (0, 0, 0, 0)}


@pytest.mark.parametrize("text", [None, "", "fff", "#ff0000", "gg0000", "ff00000", "ff0000ff0", "ff0000\n"])
def test_a_bad_colour_is_silently_the_default(text: str | None) -> None:
    assert qr.colour(text, qr.BLACK) == qr.BLACK


def test_the_longest_uri_still_fits() -> None:
    assert opened(qr.code("dogecoin:" + "x" * 500).png()).size == (512, 512)


async def test_a_code_is_painted_once_in_a_thread_of_its_own_whatever_the_colours() -> None:
    painted: list[str] = []

    def paint(content: str) -> qr.Code:
        painted.append(threading.current_thread().name.partition("_")[0])
        return qr.code(content)

    painter = qr.Painter(paint)
    paintings = [painter.picture(URI, f"{red:02x}0000", None) for red in range(50)]
    pictures = [bytes(answer.body) for answer in await asyncio.gather(*paintings)]
    again = await painter.picture(URI, "000001", "ffff00")

    assert painted == ["painter"]
    assert {colour for _, colour in opened(pictures[7]).getcolors() or []} == {
        (7, 0, 0, 255),
        (255, 255, 255, 255),
    }
    assert {colour for _, colour in opened(bytes(again.body)).getcolors() or []} == {
        (0, 0, 1, 255),
        (255, 255, 0, 255),
    }


async def test_who_wants_one_picture_too_many_is_turned_away_and_who_leaves_takes_it_from_nobody() -> None:
    go = threading.Event()

    def paint(content: str) -> qr.Code:
        go.wait()
        return qr.code(content)

    painter = qr.Painter(paint)
    waiting = [asyncio.create_task(painter.picture(str(n), None, None)) for n in range(qr.QUEUED)]
    beside = asyncio.create_task(painter.picture("0", "ff0000", None))
    await asyncio.sleep(0)
    with pytest.raises(qr.TooManyPictures):
        await painter.picture("one more", None, None)
    waiting[0].cancel()
    go.set()

    assert (await beside).status_code == 200
    assert len(await asyncio.gather(*waiting[1:])) == qr.QUEUED - 1
    assert (await painter.picture("one more", None, None)).status_code == 200


async def test_no_more_codes_are_kept_than_fit() -> None:
    painter = qr.Painter(lambda content: qr.Code(content.encode(), b"", ""))

    for number in range(qr.CACHED + 5):
        await painter.picture(str(number), None, None)

    assert list(painter._cache) == [str(number) for number in range(5, qr.CACHED + 5)]


async def test_one_client_fills_no_queue_for_the_others() -> None:
    go = threading.Event()

    def paint(content: str) -> qr.Code:
        go.wait()
        return qr.code(content)

    painter = qr.Painter(paint)
    waiting = [
        asyncio.create_task(painter.picture(str(number), None, None, "203.0.113.9"))
        for number in range(qr.QUEUED_FOR_ONE)
    ]
    await asyncio.sleep(0)
    with pytest.raises(qr.TooManyPicturesForOne):
        await painter.picture("one more", None, None, "203.0.113.9")
    other = asyncio.create_task(painter.picture("other", None, None, "203.0.113.10"))
    await asyncio.sleep(0)
    go.set()

    assert {answer.status_code for answer in await asyncio.gather(*waiting, other)} == {200}
    assert (await painter.picture("one more", None, None, "203.0.113.9")).status_code == 200
