"""What was done is answered, and what is refused was not done, whatever bytes come, on a real socket."""

import asyncio

import pytest

from app.api import request_body
from tests.unit.runtime.http.shop import (
    BODY,
    CHUNKED,
    HOST,
    LAST,
    PAY,
    Shop,
    connected,
    listening,
    speak,
    statuses,
)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.mark.parametrize(
    "behind", [b"x", b"garbage\r\n\r\n", b"\x00" * 5000, b"}\r\nGET /health HTTP/1.1\r\n\r\n"]
)
@pytest.mark.parametrize("together", [True, False])
async def test_what_follows_a_request_does_not_take_its_answer_away(
    shop: Shop, behind: bytes, *, together: bool
) -> None:
    async with listening(shop) as port:
        answer = await speak(port, *([PAY + behind] if together else [PAY, behind]), half_closed=True)

    assert statuses(answer)[0] == 200
    assert b"paid 1" in answer
    assert shop.paid == [BODY]


async def test_bytes_behind_a_body_in_chunks_do_not_take_its_answer_away(shop: Shop) -> None:
    async with listening(shop) as port:
        answer = await speak(port, CHUNKED + b"2\r\n{}\r\n0\r\n\r\nnonsense", half_closed=True)

    assert (statuses(answer)[0], shop.paid) == (200, [b"{}"])


async def test_a_request_behind_a_body_in_chunks_is_answered_too(shop: Shop) -> None:
    body = b"A\r\n{}\r\n\r\n0\r\n\r\r\n"
    for at in range(len(body)):
        async with listening(shop) as port:
            answer = await speak(port, CHUNKED + body[:at], body[at:] + b"0\r\n\r\n" + LAST)

        assert statuses(answer) == [200, 200]
    assert set(shop.paid) == {b"{}\r\n\r\n0\r\n\r"}


@pytest.mark.parametrize(
    "request_",
    [
        CHUNKED + b"2\r\n{}\r\nzz\r\n",
        CHUNKED + b"2\n{}\n0\n\n",
        CHUNKED + b"2\r\n{}0\r\n\r\n",
        CHUNKED + b"1;" + b"x" * 100_000 + b"\r\n{\r\n0\r\n\r\n",
        CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n" + CHUNKED.split(HOST)[1],
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n",
        b"POST /pay HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length: 2, 2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length: +2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length: -2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length: 9999999999999999999999\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"Content-Length : 2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"A: b\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\n" + HOST + b"Content-Length: 2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\nHost: localhost\nContent-Length: 2\n\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + b"A: b\rc\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /pay HTTP/1.1\r\n" + HOST + HOST + b"Content-Length: 2\r\n\r\n{}",
        b"POST /pay HTTP/2.0\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}",
        b"POST pay HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}",
        b"POST /p\xc3\xa4y HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}",
        b"CONNECT localhost:1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_does_nothing(shop: Shop, request_: bytes) -> None:
    async with listening(shop) as port:
        answer = await speak(port, request_)

    assert statuses(answer) == [400]
    assert b'{"error":{"code":"bad-request","message":"' in answer
    assert shop.paid == []


@pytest.mark.parametrize(
    "sent", [PAY[:-1], PAY[:40], CHUNKED + b"2\r\n{}\r\n", CHUNKED + b"2\r\n{}\r\n0\r\n"]
)
async def test_a_request_that_breaks_off_does_nothing(shop: Shop, sent: bytes) -> None:
    async with listening(shop) as port:
        assert await speak(port, sent, half_closed=True) == b""

    assert shop.paid == []


async def test_who_closes_his_side_after_the_request_is_answered(shop: Shop) -> None:
    shop.gate.clear()
    async with listening(shop) as port:
        speaking = asyncio.create_task(speak(port, PAY, half_closed=True))
        await shop.began.wait()
        shop.gate.set()

        assert statuses(await speaking) == [200]


async def test_what_was_begun_for_a_caller_who_is_gone_is_done(shop: Shop) -> None:
    shop.gate.clear()
    async with listening(shop) as port:
        async with connected(port) as (_, writer):
            writer.write(PAY)
            await shop.began.wait()
            writer.transport.abort()
        shop.gate.set()

    assert shop.paid == [BODY]


async def test_requests_are_answered_in_their_order_one_at_a_time(shop: Shop) -> None:
    shop.gate.clear()
    async with listening(shop) as port:
        speaking = asyncio.create_task(speak(port, PAY + b"\r\n" + PAY + LAST))
        await shop.began.wait()
        shop.began.clear()
        assert shop.paid == []
        shop.gate.set()
        answer = await speaking

    assert statuses(answer) == [200, 200, 200]
    assert answer.index(b"paid 1") < answer.index(b"paid 2") < answer.index(b"well")


async def test_a_body_in_many_pieces_is_one_body(shop: Shop) -> None:
    pieces = [bytes([byte]) for byte in CHUNKED + b'4\r\n{"a"\r\n3;x=y\r\n:1}\r\n0\r\nTrailer: x\r\n\r\n']
    async with listening(shop) as port:
        answer = await speak(port, *pieces, LAST)

    assert (statuses(answer), shop.paid) == ([200, 200], [b'{"a":1}'])


async def test_a_megabyte_is_received_and_a_byte_more_is_413(shop: Shop) -> None:
    head = b"POST /pay HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: %d\r\n\r\n"
    async with listening(shop) as port:
        fits = await speak(port, head % request_body.MAX_BYTES, b"x" * request_body.MAX_BYTES)
        exceeds = await speak(port, head % (request_body.MAX_BYTES + 1), b"x" * (request_body.MAX_BYTES + 1))

    assert (statuses(fits), statuses(exceeds)) == ([200], [413])
    assert [len(body) for body in shop.paid] == [request_body.MAX_BYTES]


async def test_who_asks_to_continue_is_told_to(shop: Shop) -> None:
    head, body = PAY.split(b"\r\n\r\n")
    head += b"\r\nExpect: 100-continue\r\nConnection: close"
    async with listening(shop) as port, connected(port) as (reader, writer), asyncio.timeout(20):
        writer.write(head + b"\r\n\r\n")
        interim = await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        answer = await reader.read()

    assert (statuses(interim), statuses(answer), shop.paid) == ([100], [200], [BODY])


@pytest.mark.parametrize("offer", [b"h2c", b"websocket"])
async def test_an_offer_to_change_the_protocol_is_not_taken(shop: Shop, offer: bytes) -> None:
    upgrade = b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: x\r\n\r\n" % offer
    async with listening(shop) as port:
        answer = await speak(port, PAY.replace(b"\r\n\r\n", upgrade) + LAST)

    assert (statuses(answer), shop.paid) == ([200, 200], [BODY])


async def test_an_answer_without_a_length_comes_in_chunks_and_a_head_alone_has_none(shop: Shop) -> None:
    async with listening(shop) as port:
        full = await speak(port, b"GET /drops HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        head = await speak(port, b"HEAD /drops HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")

    assert full.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1


async def test_an_old_client_is_answered_and_let_go(shop: Shop) -> None:
    async with listening(shop) as port:
        answer = await speak(port, b"GET /health HTTP/1.0\r\n\r\n")

    assert statuses(answer) == [200]
    assert answer.endswith(b"well")


async def test_requests_that_run_when_the_program_stops_are_answered(shop: Shop) -> None:
    shop.gate.clear()
    async with listening(shop) as port:
        speaking = asyncio.create_task(speak(port, PAY))
        idle = asyncio.create_task(speak(port))
        await shop.began.wait()
        asyncio.get_running_loop().call_soon(shop.gate.set)

    assert statuses(await speaking) == [200]
    assert await idle == b""
