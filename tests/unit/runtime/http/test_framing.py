"""Where a request begins and ends, although a sender frames it in two ways or the network cuts its bytes."""

import asyncio
import re
from itertools import pairwise

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.runtime.http.chunks import Chunks
from tests.unit.runtime.http.recorder import RecordedRequest, Recorder
from tests.unit.runtime.http.shop import HOST, connected, listening, speak, statuses

LINE = b"POST /pay HTTP/1.1\r\n"
TWO = b"Content-Length: 2\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n"
END = b"GET /end HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


def request(line: bytes = LINE, fields: bytes = TWO, body: bytes = b"{}") -> bytes:
    return line + HOST + fields + b"\r\n" + body


def chunked(body: bytes, fields: bytes = CHUNKS) -> bytes:
    return request(fields=fields, body=body)


TWO_WAYS = {
    "a coding before chunked in a header of its own": chunked(
        b"2\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: gzip\r\n" + CHUNKS
    ),
    "identity before chunked": chunked(b"2\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: identity\r\n" + CHUNKS),
    "chunked twice": chunked(b"2\r\n{}\r\n0\r\n\r\n", CHUNKS + CHUNKS),
    "an empty coding and a length": request(fields=b"Transfer-Encoding:\r\n" + TWO),
    "a comma behind chunked": chunked(b"2\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: chunked,\r\n"),
    "a vertical tab before chunked": chunked(b"2\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: \x0bchunked\r\n"),
    "an empty length": request(fields=b"Content-Length:\r\n", body=b""),
    "a length in hex": request(fields=b"Content-Length: 0x2\r\n"),
    "a length with an underscore": request(fields=b"Content-Length: 0_2\r\n"),
    "two lengths in one": request(fields=b"Content-Length: 2 2\r\n"),
    "a length on a line of its own": request(fields=b"Content-Length:\r\n 2\r\n"),
    "a length behind a bare CR in an offer": request(fields=b"Upgrade: a\rContent-Length: 2\r\n", body=b""),
    "a length behind a bare LF in an offer": request(fields=b"Upgrade: a\n" + TWO),
    "a NUL in an offer": request(fields=b"Upgrade: a\0\r\n" + TWO),
    "a blank before an offer's colon": request(fields=b"Upgrade : a\r\n" + TWO),
    "Expect twice": request(fields=b"Expect: 100-continue\r\nExpect: 100-continue\r\n" + TWO),
    "a blank before the first header": LINE + b" Host: localhost\r\n" + TWO + b"\r\n{}",
    "a NUL in a value": request(fields=b"A: b\0c\r\n" + TWO),
    "a DEL in a value": request(fields=b"A: b\x7fc\r\n" + TWO),
    "an 8-bit name": request(fields=b"A\xff: b\r\n" + TWO),
    "a header without a name": request(fields=b": b\r\n" + TWO),
    "a header without a colon": request(fields=b"abc\r\n" + TWO),
    "another host in the target": request(b"POST http://evil.example/pay HTTP/1.1\r\n"),
    "a user in the target": request(b"POST http://me@localhost/pay HTTP/1.1\r\n"),
    "another scheme": request(b"POST ftp://localhost/pay HTTP/1.1\r\n"),
    "a fragment": request(b"POST /pay#/public HTTP/1.1\r\n"),
    "an authority": request(b"POST localhost:80 HTTP/1.1\r\n"),
    "an 8-bit query": request(b"POST /pay?\xe4 HTTP/1.1\r\n"),
    "RTSP": request(b"POST /pay RTSP/1.1\r\n"),
    "ICE": request(b"SOURCE /pay ICE/1.0\r\n"),
    "HTTP/0.9": b"GET /pay\r\n\r\n",
    "HTTP/1.2": request(b"POST /pay HTTP/1.2\r\n"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": request(b"post /pay HTTP/1.1\r\n"),
    "two blanks behind the method": request(b"POST  /pay HTTP/1.1\r\n"),
    "two blanks behind the target": request(b"POST /pay  HTTP/1.1\r\n"),
    "a blank behind the version": request(b"POST /pay HTTP/1.1 \r\n"),
    "a tab in the first line": request(b"POST\t/pay HTTP/1.1\r\n"),
    "a bare CR before the request": b"\r" + request(),
    "a bare LF before the request": b"\n" + request(),
}
BROKEN_CHUNKS = {
    "a size with a sign": b"+2\r\n{}\r\n0\r\n\r\n",
    "a size in C's way": b"0x2\r\n{}\r\n0\r\n\r\n",
    "a blank before a size": b" 2\r\n{}\r\n0\r\n\r\n",
    "a blank behind a size": b"2 \r\n{}\r\n0\r\n\r\n",
    "no size": b"\r\n{}\r\n0\r\n\r\n",
    "a size over 64 bits": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "a bare CR behind a size": b"2\r{}\r\n0\r\n\r\n",
    "a bare LF in an extension": b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "a bare LF behind an extension": b"2;\n{}\r\n0\r\n\r\n",
    "a bare CR in an extension": b"2;a\rb\r\n{}\r\n0\r\n\r\n",
    "a NUL in an extension": b"2;a\0b\r\n{}\r\n0\r\n\r\n",
    "a bare LF behind the data": b"2\r\n{}\n0\r\n\r\n",
    "more data than the size": b"2\r\n{}}\r\n0\r\n\r\n",
    "a bare LF at the end": b"2\r\n{}\r\n0\r\n\n",
    "a length behind the body": b"2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n",
    "a coding behind the body": b"2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a trailer without a colon": b"2\r\n{}\r\n0\r\nbad\r\n\r\n",
}


@pytest.mark.parametrize("message", TWO_WAYS.values(), ids=TWO_WAYS)
async def test_what_can_be_read_in_two_ways_is_400_and_the_application_does_not_hear_of_it(
    message: bytes,
) -> None:
    recorder = Recorder()
    async with listening(recorder) as port:
        answer = await speak(port, message + END, half_closed=True)

    assert (statuses(answer), recorder.requests) == ([400], [])


@pytest.mark.parametrize("body", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS)
async def test_a_body_whose_chunks_are_wrong_never_becomes_whole(body: bytes) -> None:
    recorder = Recorder()
    async with listening(recorder) as port:
        answer = await speak(port, chunked(body) + END, half_closed=True)

    assert (answer, recorder.requests) == (b"", [])


async def test_a_request_in_the_form_for_proxies_is_answered_under_its_own_host() -> None:
    recorder = Recorder()
    async with listening(recorder) as port:
        await speak(port, request(b"POST http://LOCALHOST/pay?a HTTP/1.1\r\n") + END)

    assert recorder.requests[0][:3] == ("POST", b"/pay", b"a")


async def test_the_offer_of_another_protocol_does_not_reach_the_application() -> None:
    recorder = Recorder()
    async with listening(recorder) as port:
        await speak(port, request(fields=b"uPgRaDe: h2c\r\nConnection: upgrade\r\n" + TWO) + END)

    assert [name for name, _ in recorder.requests[0][3]] == [b"host", b"connection", b"content-length"]
    assert len(recorder.requests) == 2


@pytest.mark.parametrize("size", [81_000, 86_016, 120_000, 400_000])
async def test_no_part_of_a_body_in_chunks_is_lost(size: int) -> None:
    body = bytes(range(256)) * (size // 256)
    recorder = Recorder()
    chunks = b"".join(b"1000\r\n%b\r\n" % body[at : at + 4096].ljust(4096) for at in range(0, size, 4096))
    async with listening(recorder) as port:
        await speak(port, chunked(chunks + b"0\r\n\r\n") + END)

    assert recorder.requests[0][4].startswith(body)
    assert len(recorder.requests) == 2


async def test_a_client_of_http_1_0_is_sent_neither_chunks_nor_100() -> None:
    async with listening(Recorder()) as port:
        answer = await speak(port, request(b"POST /parts HTTP/1.0\r\n", b"Expect: 100-continue\r\n" + TWO))

    assert statuses(answer) == [200]
    assert b"transfer-encoding" not in answer
    assert answer.endswith(b"\r\n\r\nabcd")


async def test_who_was_not_told_to_send_a_body_does_not_begin_another_request_in_its_place() -> None:
    recorder = Recorder()
    head = request(
        b"POST /unread HTTP/1.1\r\n", b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(END), b""
    )
    async with listening(recorder) as port, connected(port) as (reader, writer), asyncio.timeout(20):
        writer.write(head)
        answer = await reader.readuntil(b"abcd")
        writer.write(END + END)

        assert await reader.read() == b""

    assert statuses(answer) == [200]
    assert b"connection: close\r\n" in answer
    assert len(recorder.requests) == 1


async def test_an_answer_that_breaks_off_ends_its_connection_and_nothing_follows() -> None:
    recorder = Recorder()
    async with listening(recorder) as port:
        answer = await speak(port, b"GET /breaks HTTP/1.1\r\n" + HOST + b"\r\n" + END)

    assert (answer, len(recorder.requests)) == (b"", 1)


# ---------------------------------------------------------------- however it is cut

PIECES = st.lists(
    st.sampled_from([b"\r\n", b"0\r\n\r\n", b"\n", b"\r", b"{}", b"GET / HTTP/1.1\r\n"]), max_size=4
)
FIELDS = st.lists(
    st.sampled_from([b"A: b\r\n", b"Empty:\r\n", b"B: \xff  \r\n", b"Upgrade: h2c\r\n"]), max_size=3
)
TRAILERS = st.sampled_from([b"", b"T: r\r\n", b"T:\r\nU: v\r\n"])
EXTENSIONS = st.sampled_from([b"", b";a", b';a="b;c"', b";0"])


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A header that frames a body, and the body as it is sent."""
    pieces = draw(PIECES)
    if draw(st.booleans()):
        chunks = [b"%x%b\r\n%b\r\n" % (len(piece), draw(EXTENSIONS), piece) for piece in pieces]
        return CHUNKS, b"".join(chunks) + b"0\r\n" + draw(TRAILERS) + b"\r\n"
    body = b"".join(pieces)
    return b"Content-Length: %d\r\n" % len(body), body


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS"]))
    target = draw(st.sampled_from([b"/", b"/parts", b"/204", b"/304", b"/unread", b"/a?b=%20c", b"//x/y"]))
    framing, body = draw(bodies())
    empty = draw(st.sampled_from([b"", b"\r\n"]))
    fields = HOST + b"".join(draw(FIELDS)) + framing
    return empty + b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, target, fields, body)


async def answers_and_requests(stream: bytes, cuts: list[int]) -> tuple[bytes, list[RecordedRequest]]:
    """Send the stream in pieces; return the answers, and the requests that the application had."""
    recorder = Recorder()
    bounds = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    async with listening(recorder) as port, connected(port) as (reader, writer), asyncio.timeout(20):
        for begin, end in pairwise(bounds):
            writer.write(stream[begin:end])
            await writer.drain()
            await asyncio.sleep(0)  # the server is in the same loop and reads now
        return re.sub(rb"date: [^\r]*", b"date", await reader.read()), recorder.requests


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 2000), max_size=12))
def test_requests_in_a_stream_are_answered_as_one_by_one(stream: list[bytes], cuts: list[int]) -> None:
    async def compared() -> None:
        last_answer, _ = await answers_and_requests(END, [])
        singly = [await answers_and_requests(single + END, []) for single in stream]

        together, recorded = await answers_and_requests(b"".join(stream) + END, cuts)

        assert together == b"".join(answer.removesuffix(last_answer) for answer, _ in singly) + last_answer
        assert recorded[:-1] == [single for _, requests in singly for single in requests[:-1]]
        assert len(recorded) == len(stream) + 1

    asyncio.run(compared())


async def test_a_stream_may_be_cut_at_every_byte() -> None:
    chunks = chunked(b'1;a="b"\r\n{\r\n0003\r\n\r\n0\r\n5\r\n\r\n\r\n}\r\n0\r\nT: r\r\n\r\n')
    stream = b"\r\n" + chunks + request() + END
    uncut = await answers_and_requests(stream, [])

    assert len(uncut[1]) == 3
    for cut in range(len(stream)):
        assert await answers_and_requests(stream, [cut]) == uncut


def test_the_end_of_a_body_is_found_to_the_byte_wherever_it_is_cut() -> None:
    body = b'1;a="b"\r\n{\r\n0003\r\n\r\n0\r\n5\r\n\r\n\r\n}\r\n0\r\nT: r\r\n\r\n'
    data = body + request()
    for cut in range(len(body)):
        chunks = Chunks()
        assert cut == 0 or chunks.end_of_part(data[:cut], 0) == cut
        assert cut + chunks.end_of_part(data[cut:], 0) == len(body)


def read_by_h11(stream: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Method, target and body of the first request as h11 reads it; None where it is not whole or sound."""
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(stream.removeprefix(b"\r\n"))  # h11 would take it for a request
    peer.receive_data(b"")
    try:
        request, body = peer.next_event(), b""
        while isinstance(part := peer.next_event(), h11.Data):
            body += bytes(part.data)
    except h11.RemoteProtocolError:
        return None
    return (request.method, request.target, body) if isinstance(request, h11.Request) else None


ODD = st.sampled_from([bytes([byte]) for byte in b"\r\n\t\0 :;,+-_0129/#@%axXGH\x7f\xff\x0b"])


@settings(max_examples=150, derandomize=True, deadline=None)
@given(requests(), st.integers(0, 2000), st.integers(0, 1), ODD)
@example(request(), 0, 0, b"\n")
def test_what_the_application_is_asked_h11_reads_in_the_same_way(
    sound: bytes, at: int, replaced: int, odd: bytes
) -> None:
    at %= len(sound)
    stream = sound[:at] + odd + sound[at + replaced :]

    _, recorded = asyncio.run(answers_and_requests(stream + END, []))

    for method, path, query, _, body in [first for first in recorded[:1] if first[1] != b"/unread"]:
        theirs = read_by_h11(stream + END)
        assert theirs is not None
        assert (method.encode(), path + b"?" * bool(query) + query) == (theirs[0], theirs[1].rstrip(b"?"))
        assert body == theirs[2]
