import asyncio
import socket
from contextlib import ExitStack
from ipaddress import IPv4Network, ip_address

import pytest

from app.events import address_filter, http_post
from app.events.address_filter import Address
from app.events.address_limit import LIMIT, AddressLimited
from app.events.http_post import ANSWER_BYTES, Poster
from app.runtime.http_client import Connection, Idle, Unanswered
from app.urls import Origin
from tests.unit.events.receiver import OK, Receiver, Request

HUNDRED_MEGABYTES = 100 << 20
OTHER = b"HTTP/1.1 299 Other\r\nContent-Length: 5\r\n\r\nother"


async def test_a_post_is_one_request_with_its_headers_and_body(receiver: Receiver, poster: Poster) -> None:
    answer = await poster.post(receiver.url("/a b?c=d e"), {"X-One": "1"}, b'{"a":1}')

    assert (answer.status, answer.body) == (200, b"ok")
    (request,) = receiver.requests
    assert request.path == "/a%20b?c=d%20e"
    assert request.body == b'{"a":1}'
    assert request.headers == {"host": f"127.0.0.1:{receiver.port}", "x-one": "1", "content-length": "7"}


async def test_posts_share_a_connection_that_is_kept(receiver: Receiver, poster: Poster) -> None:
    for _ in range(5):
        await poster.post(receiver.url(), {}, b"{}")

    assert (len(receiver.requests), receiver.connections) == (5, 1)


async def test_a_kept_connection_that_the_receiver_closed_is_replaced(
    receiver: Receiver, poster: Poster
) -> None:
    def answer_then_close(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    receiver.always["/hook"] = answer_then_close
    for _ in range(3):
        assert (await poster.post(receiver.url(), {}, b"{}")).status == 200

    assert receiver.connections == 3


@pytest.mark.parametrize("unasked", [OTHER, OTHER[:20], b"x"])
async def test_what_follows_an_answer_does_not_pass_for_the_next_one(
    receiver: Receiver, poster: Poster, unasked: bytes
) -> None:
    receiver.behaviours["/hook"] = [lambda _, writer: writer.write(OK + unasked)]

    answers = [await poster.post(receiver.url(), {}, b"{}") for _ in range(2)]

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"ok")] * 2
    assert receiver.connections == 2


@pytest.mark.parametrize("unasked", [OTHER, OTHER[:20], b"\r\n"])
async def test_a_kept_connection_is_cut_when_the_other_side_speaks_unasked(unasked: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(ANSWER_BYTES), sock=ours)
    idle = Idle[Connection](loop.time)
    origin = Origin("http", "shop.example", 80)
    posting = asyncio.create_task(connection.post(b"POST / HTTP/1.1\r\n\r\n"))
    assert await loop.sock_recv(theirs, 100)
    await loop.sock_sendall(theirs, OK)
    assert (await posting).body == b"ok"
    idle.put(origin, connection)

    await loop.sock_sendall(theirs, unasked)

    async with asyncio.timeout(5):
        assert await loop.sock_recv(theirs, 100) == b""
    assert idle.take(origin) is None
    theirs.close()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", 201, b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, b"abc"),
        (b"HTTP/1.0 500 Oops\r\n\r\nlong story", 500, b"long story"),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 302, b""),
    ],
)
async def test_every_form_of_an_answer_is_understood(
    receiver: Receiver, poster: Poster, answer: bytes, status: int, body: bytes
) -> None:
    def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if answer.startswith(b"HTTP/1.0"):
            writer.close()

    receiver.always["/hook"] = behave
    received = await poster.post(receiver.url(), {}, b"{}")

    assert (received.status, received.body) == (status, body)
    assert not receiver.of("/elsewhere")


async def test_of_a_hundred_megabytes_four_kilobytes_are_read(receiver: Receiver, poster: Poster) -> None:
    sent = 0

    async def flood(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUNDRED_MEGABYTES)
        while sent < HUNDRED_MEGABYTES:
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    receiver.behaviours["/hook"] = [flood]
    answer = await poster.post(receiver.url(), {}, b"{}")

    assert (answer.status, len(answer.body)) == (200, ANSWER_BYTES)
    assert sent < HUNDRED_MEGABYTES // 2
    assert (await poster.post(receiver.url(), {}, b"{}")).status == 200


@pytest.mark.parametrize("around", [b"0\r\nX-Trailer: ", b"1;"])
async def test_what_stands_around_the_body_is_limited_too(
    receiver: Receiver, poster: Poster, around: bytes
) -> None:
    """The parser gathers the value of a trailer, however long it is."""
    sent = 0

    async def flood(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + around)
        while sent < HUNDRED_MEGABYTES:
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    receiver.behaviours["/hook"] = [flood]
    async with asyncio.timeout(5):
        answer = await poster.post(receiver.url(), {}, b"{}")

    assert (answer.status, answer.body) == (200, b"")
    assert sent < HUNDRED_MEGABYTES // 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "connection closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "headers are too long"),
        (b"HTTP/1.1 200 O", "connection closed"),
    ],
)
async def test_what_is_no_answer_says_why(
    receiver: Receiver, poster: Poster, answer: bytes, reason: str
) -> None:
    def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    receiver.always["/hook"] = behave
    with pytest.raises(Unanswered, match=reason):
        await poster.post(receiver.url(), {}, b"{}")


async def test_a_connection_that_is_reset_or_refused_says_so(receiver: Receiver, poster: Poster) -> None:
    def reset(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    receiver.always["/hook"] = reset
    with pytest.raises(Unanswered, match=r"connection (closed|lost)"):
        await poster.post(receiver.url(), {}, b"{}")
    with pytest.raises(Unanswered, match="no connection"):
        await poster.post("http://127.0.0.1:1/hook?token=such-secret", {}, b"{}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/",
        "http://",
        "http:///x",
        "http://a b/",
        "http://host:99999/",
        "https://[::1/",
        "x",
    ],
)
async def test_a_malformed_url_is_a_failure_of_the_attempt(poster: Poster, url: str) -> None:
    with pytest.raises(Unanswered, match="malformed"):
        await poster.post(url, {}, b"{}")


def test_a_url_cannot_bring_headers_of_its_own() -> None:
    head = http_post.parse("http://user:p%40ss@example.com/a\r\nX-Evil: 1?q=\u00e4 b#part").head

    assert head.splitlines() == [
        "POST /aX-Evil:%201?q=%C3%A4%20b HTTP/1.1",
        "Host: example.com",
        "Authorization: Basic dXNlcjpwQHNz",
    ]


async def test_a_private_address_is_refused_and_never_connected_to(receiver: Receiver) -> None:
    async def resolve(host: str, port: int) -> list[Address]:
        return [ip_address("127.0.0.1")]

    poster = Poster(resolve)
    with pytest.raises(Unanswered, match="not public"):
        await poster.post(f"http://shop.example:{receiver.port}/hook", {}, b"{}")

    assert receiver.connections == 0


async def test_a_name_that_changes_after_it_was_checked_is_not_looked_up_again(receiver: Receiver) -> None:
    """Here 127.0.0.1 plays the public address, and 127.0.0.2 the private one to which the name moves."""
    private = await asyncio.start_server(receiver.serve, "127.0.0.2", receiver.port)
    answers = [ip_address("127.0.0.1"), ip_address("127.0.0.2"), ip_address("127.0.0.2")]
    lookups = 0

    async def resolve(host: str, port: int) -> list[Address]:
        nonlocal lookups
        lookups += 1
        return [answers.pop(0)]

    poster = Poster(
        resolve, guard=address_filter.Guard((IPv4Network("127.0.0.1/32"), IPv4Network("127.0.0.3/32")))
    )
    url = f"http://shop.example:{receiver.port}/hook"
    first = await poster.post(url, {}, b"{}")
    poster.close()
    with pytest.raises(Unanswered, match="not public"):
        await poster.post(url, {}, b"{}")

    assert (first.status, lookups, receiver.connections) == (200, 2, 1)
    assert receiver.requests[0].headers["host"] == f"shop.example:{receiver.port}"
    private.close()


async def test_an_address_that_does_not_answer_makes_way_for_the_next(receiver: Receiver) -> None:
    async def resolve(host: str, port: int) -> list[Address]:
        return [ip_address("127.0.0.9"), ip_address("127.0.0.1")]

    poster = Poster(resolve, guard=address_filter.Guard(address_filter.EVERYWHERE))
    answer = await poster.post(f"http://shop.example:{receiver.port}/hook", {}, b"{}")

    assert answer.status == 200
    poster.close()


async def test_a_full_address_makes_way_for_the_next_and_is_refused_where_it_is_the_only_one(
    receiver: Receiver,
) -> None:
    addresses = [ip_address("127.0.0.2"), ip_address("127.0.0.1")]

    async def resolve(host: str, port: int) -> list[Address]:
        return addresses

    poster = Poster(resolve, guard=address_filter.Guard(address_filter.EVERYWHERE))
    url = f"http://shop.example:{receiver.port}/hook"
    with ExitStack() as posts:
        for _ in range(LIMIT):
            posts.enter_context(poster._limit.to(addresses[0]))
        assert (await poster.post(url, {}, b"{}")).status == 200

        for _ in range(LIMIT):
            posts.enter_context(poster._limit.to(addresses[1]))
        for _ in range(2):  # over the idle connection, and over a new one
            with pytest.raises(AddressLimited):
                await poster.post(url, {}, b"{}")
            poster.close()

    assert len(receiver.requests) == 1


async def test_idle_connections_have_a_limit_and_an_age(receiver: Receiver, poster: Poster) -> None:
    now = 0.0
    idle = Idle[Connection](lambda: now, limit=2)
    origin = Origin("http", "127.0.0.1", receiver.port)
    opened = [await poster._open(origin) for _ in range(4)]
    for connection in opened:
        idle.put(origin, connection)

    assert [connection.usable for connection in opened] == [False, False, True, True]
    assert idle.take(origin) is opened[3]
    now = 60.0
    assert idle.take(origin) is None
    assert not opened[2].usable
    opened[3].close()
