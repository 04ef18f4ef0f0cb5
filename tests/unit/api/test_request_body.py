import asyncio
import hashlib
import json
from typing import Any

import httpx
import pytest
from starlette.types import Message

from app.api import json_reader, request_body

LINE = {"value": "1.5", "quantity": 2}


async def refusal(client: httpx.AsyncClient, body: bytes | str, status: int = 400) -> dict[str, Any]:
    answer = await client.post("/order", content=body)
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


async def order(client: httpx.AsyncClient, body: bytes | str, **headers: str) -> dict[str, Any]:
    answer = await client.post("/order", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_the_content_type_does_not_matter(client: httpx.AsyncClient, content_type: str) -> None:
    shown = await order(client, json.dumps({"items": [LINE]}), **{"content-type": content_type})

    assert shown["items"] == [["", "", "150000000", 2]]


async def test_bytes_after_the_first_value_and_unknown_fields_are_ignored(client: httpx.AsyncClient) -> None:
    shown = await order(
        client, ' \r\n{"items":[{"value":3,"quantity":1,"vendor":"x"}],"foreign_id":7} garbage \xff{'
    )

    assert shown["items"] == [["", "", "300000000", 1]]


async def test_names_are_matched_in_any_case_at_every_level(client: httpx.AsyncClient) -> None:
    shown = await order(client, '{"ITEMS":[{"Value":3,"qUANTITY":1,"Name":"x"}],"Confirmations":9}')

    assert shown["items"] == [["x", "", "300000000", 1]]
    assert shown["confirmations"] == 9


async def test_the_exact_name_wins_over_another_spelling(client: httpx.AsyncClient) -> None:
    line = '"items":[{"value":3,"quantity":1}]'

    assert (await order(client, f'{{"confirmations":2,"CONFIRMATIONS":3,{line}}}'))["confirmations"] == 2
    assert (await order(client, f'{{"CONFIRMATIONS":3,"confirmations":2,{line}}}'))["confirmations"] == 2


async def test_null_leaves_a_field_at_its_default(client: httpx.AsyncClient) -> None:
    shown = await order(client, '{"confirmations":null,"items":[{"value":3,"quantity":1,"name":null}]}')

    assert shown["confirmations"] == -1
    assert shown["items"][0][0] == ""


@pytest.mark.parametrize("body", ["", "  \n"])
async def test_an_empty_body_is_refused_in_gigawallets_words(client: httpx.AsyncClient, body: str) -> None:
    error = await refusal(client, body)

    assert error == {"code": "bad-request", "message": "bad request body (expecting JSON): EOF"}


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nope",
        '{"items":[}',
        "[" * 100000,
        '{"items":' * 50000,
        "[" * 40 + "]" * 40,
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1,"a":2}',
        '{"a":[{"b":1,"b":1}]}',
        '{"a":' + "9" * 5000 + "}",
        '{"a":0.' + "1" * 500 + "}",
        '{"a":1e99999999999999999999}',
        '{"a":"raw \x00 nul"}',
        "\ufeff{}",
        '{"items"',
    ],
)
async def test_what_is_no_json_of_ours_is_refused(client: httpx.AsyncClient, body: str) -> None:
    error = await refusal(client, body)

    assert error["code"] == "bad-request"
    assert error["message"].startswith("bad request body (expecting JSON): ")
    assert len(error["message"]) < 150


@pytest.mark.parametrize(
    ("body", "message"), [("[]", "object"), ('"x"', "object"), ("7", "object"), ("true", "object")]
)
async def test_a_body_that_is_no_object_is_refused(
    client: httpx.AsyncClient, body: str, message: str
) -> None:
    error = await refusal(client, body)

    assert error["message"] == f"the body must be an {message}"
    assert "field" not in error


@pytest.mark.parametrize("items", ["", '"items":[]', '"items":null', '"ITEMS":[]'])
async def test_missing_items_are_refused_in_gigawallets_words(client: httpx.AsyncClient, items: str) -> None:
    error = await refusal(client, "{" + items + "}")

    assert error == {"code": "bad-request", "message": "missing 'items' in JSON body", "field": "items"}


@pytest.mark.parametrize(
    ("line", "field", "says"),
    [
        ({"value": "1", "quantity": "1"}, "items.0.quantity", "must be a whole number"),
        ({"value": "1", "quantity": 1.0}, "items.0.quantity", "must be a whole number"),
        ({"value": "1", "quantity": True}, "items.0.quantity", "must be a whole number"),
        ({"value": "1", "quantity": 0}, "items.0.quantity", "must be at least 1"),
        ({"value": "1", "quantity": 10**30}, "items.0.quantity", "must be at most 1000000000"),
        ({"value": "1"}, "items.0.quantity", "is required"),
        ({"quantity": 1}, "items.0.value", "is required"),
        ({"value": "", "quantity": 1}, "items.0.value", "is wrong: an amount"),
        ({"value": [], "quantity": 1}, "items.0.value", "is wrong: an amount"),
        ({"value": True, "quantity": 1}, "items.0.value", "is wrong: an amount"),
        ({**LINE, "name": 5}, "items.0.name", "must be a string"),
        ({**LINE, "name": "n" * 256}, "items.0.name", "at most 255 characters"),
        ({**LINE, "name": "a\nb"}, "items.0.name", "control characters or ends of lines"),
        ({**LINE, "name": "a\x85b"}, "items.0.name", "control characters or ends of lines"),
        ({**LINE, "name": "a\u2028b"}, "items.0.name", "control characters or ends of lines"),
        ({**LINE, "name": "a\u2029b"}, "items.0.name", "control characters or ends of lines"),
        ({**LINE, "description": "d" * 1001}, "items.0.description", "at most 1000 characters"),
        ({**LINE, "description": "a\x1bb"}, "items.0.description", "control characters"),
        ("line", "items.0", "must be an object"),
    ],
)
async def test_a_wrong_field_is_named(client: httpx.AsyncClient, line: Any, field: str, says: str) -> None:
    error = await refusal(client, json.dumps({"items": [line]}))

    assert error["field"] == field
    assert error["message"].startswith(field)
    assert says in error["message"]


NAMES = (
    "山田\u3000太郎",
    "می\u200cخواهم",  # noqa: RUF001
    "क्\u200dष",
    "👨\u200d👩\u200d👧",
    "\u200fשלום\u200e",  # noqa: RUF001
    "a\xa0b",
    "\ufffd \uffff \U000e0067",
)
"""Wide spaces, joiners, direction marks, characters that are none yet: all of them are in names of people."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("escaped", [True, False])
async def test_names_of_people_are_taken_as_they_are_written(
    client: httpx.AsyncClient, name: str, *, escaped: bool
) -> None:
    shown = await order(client, json.dumps({"items": [{**LINE, "name": name}]}, ensure_ascii=escaped))

    assert shown["items"][0][0] == name


@pytest.mark.parametrize("key", [*map(str.encode, NAMES), b"k" * 255, "ü".encode() * 255, b"\xfc"])
async def test_a_key_is_any_text_of_one_line(client: httpx.AsyncClient, key: bytes) -> None:
    answer = await client.post("/keyed/a", json={"items": [LINE]}, headers=[(b"Idempotency-Key", key)])

    assert answer.status_code == 200, answer.text


async def test_a_description_may_have_lines(client: httpx.AsyncClient) -> None:
    shown = await order(client, json.dumps({"items": [{**LINE, "description": "one\n\ttwo\r\n\U0001f415"}]}))

    assert shown["items"][0][1] == "one\n\ttwo\r\n\U0001f415"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"items":[{"name":"a\\u0000b"}]}', "items.0.name"),
        (b'{"items":[{"name":"\\ud800"}]}', "items.0.name"),
        (b'{"items":[{"name":"\xff\xfe"}]}', "items.0.name"),
        (b'{"items":[{"name":"x"}],"metadata":{"a":["\\udc00\\ud800"]}}', "metadata.a.0"),
        (b'{"unknown":"\\u0000"}', "unknown"),
    ],
)
async def test_text_that_no_database_holds_is_refused_by_name(
    client: httpx.AsyncClient, body: bytes, field: str
) -> None:
    error = await refusal(client, body)

    assert error["field"] == field
    assert "characters that are no text" in error["message"]


async def test_an_escaped_pair_of_surrogates_is_text(client: httpx.AsyncClient) -> None:
    shown = await order(client, b'{"items":[{"name":"\\ud83d\\udc36 \\u00e9","value":1,"quantity":1}]}')

    assert shown["items"][0][0] == "\U0001f436 é"


async def test_a_name_that_the_caller_invents_is_repeated_to_100_characters(
    client: httpx.AsyncClient,
) -> None:
    error = await refusal(client, json.dumps({"x" * 5000: "\ud800"}))

    assert error["field"] == "x" * 100
    assert len(error["message"]) < 250


async def test_no_value_is_repeated_in_a_refusal(client: httpx.AsyncClient) -> None:
    error = await refusal(client, json.dumps({"items": [{**LINE, "name": ["hush-hush"]}]}))

    assert "hush" not in json.dumps(error)


async def test_more_than_500_items_are_refused(client: httpx.AsyncClient) -> None:
    error = await refusal(client, json.dumps({"items": [LINE] * 501}))

    assert error["message"] == "items must have at most 500 entries"


async def test_metadata_is_kept_with_its_numbers_as_they_were_written(client: httpx.AsyncClient) -> None:
    numbers = "1.10000000000000000001,1E+3,1e3,1.50E-07,0.0000001,-0.0"
    metadata = f'{{"a":[{numbers}],"b":[null,true,{{"ü":2e2}}],"c":"\\"\\n"}}'

    shown = await order(client, f'{{"metadata":{metadata},"items":[{json.dumps(LINE)}]}}')

    assert shown["metadata"] == metadata


@pytest.mark.parametrize(
    "metadata", ["[]", '"x"', json.dumps({"a": "x" * 8200}), json.dumps({"a": "ü" * 5000})]
)
async def test_metadata_is_an_object_of_at_most_8_kilobytes(client: httpx.AsyncClient, metadata: str) -> None:
    error = await refusal(client, f'{{"metadata":{metadata},"items":[{json.dumps(LINE)}]}}')

    assert error["field"] == "metadata"


@pytest.mark.parametrize(
    "number", ["1e308", "-1e400", "1" + "0" * 90 + ".5e300", "1" + "0" * 308, "-9" + "9" * 400]
)
async def test_metadata_holds_no_number_that_its_readers_would_take_for_infinite(
    client: httpx.AsyncClient, number: str
) -> None:
    error = await refusal(client, f'{{"metadata":{{"a":[{number}]}},"items":[{json.dumps(LINE)}]}}')

    assert (error["field"], "too large" in error["message"]) == ("metadata", True)


@pytest.mark.parametrize(
    "body",
    [
        '{"a":[' + "1," * 500_000 + "1]}",
        '{"a":[' + "[]," * 300_000 + "1]}",
        '{"a":[' + '{"":1},' * 140_000 + "1]}",
        '{"a":"\\u0041","b":[' + ("[" * 20 + "]" * 20 + ",") * 25_000 + "1]}",
    ],
)
async def test_a_body_of_more_values_than_can_be_looked_at_at_once_is_refused(
    client: httpx.AsyncClient, body: str
) -> None:
    error = await refusal(client, body)

    assert error["message"] == "bad request body (expecting JSON): it has too many values"


async def test_a_text_of_a_megabyte_of_commas_and_brackets_is_no_value(client: httpx.AsyncClient) -> None:
    text = json.dumps(',[{"\\' * 100_000)

    assert await order(client, f'{{"unknown":{text},"items":[{json.dumps(LINE)}]}}')


@pytest.mark.parametrize("size", [request_body.MAX_BYTES + 1, 10 * 1024 * 1024])
async def test_a_body_over_a_megabyte_is_too_large(client: httpx.AsyncClient, size: int) -> None:
    error = await refusal(client, b"{" + b" " * (size - 1), 413)

    assert error == {"code": "too-large", "message": "the request body is larger than 1048576 bytes"}


async def test_a_body_of_exactly_a_megabyte_is_read(client: httpx.AsyncClient) -> None:
    body = json.dumps({"items": [LINE]})

    assert await order(client, body + " " * (request_body.MAX_BYTES - len(body)))


async def test_a_chunked_body_without_length_has_the_same_limit(client: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(3):
            yield b" " * (request_body.MAX_BYTES // 2)

    answer = await client.post("/order", content=chunks())

    assert answer.status_code == 413


async def test_an_endless_body_is_given_up() -> None:
    received = 0

    async def receive() -> Message:
        nonlocal received
        received += 1
        return {"type": "http.request", "body": b" " * request_body.MAX_BYTES, "more_body": True}

    with pytest.raises(request_body.TooLarge):
        await request_body.raw(receive)

    assert received == 17


async def test_a_body_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "MAX_SECONDS", 0)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(request_body.TooSlow):
        await request_body.raw(receive)


def test_equal_requests_have_equal_fingerprints_and_others_do_not() -> None:
    tree = {"a": 1, "b": [True, None]}

    same = request_body.fingerprint("POST", "/x", {"b": [True, None], "a": 1})

    assert request_body.fingerprint("POST", "/x", tree) == same
    others = [("PUT", "/x", tree), ("POST", "/y", tree), ("POST", "/x", {"a": 1}), ("POST", "/x", None)]
    assert len({same, *(request_body.fingerprint(*other) for other in others)}) == 5


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ('{"amount":1.5}', '{"amount":"1.5"}'),
        ('{"metadata":{"a":[1.5]}}', '{"metadata":{"a":["1.5"]}}'),
        ('{"amount":1}', '{"amount":"1"}'),
        ('{"a":1.5}', '{"a":1.25}'),
        ('{"a":true}', '{"a":"true"}'),
    ],
)
def test_a_number_is_another_request_than_the_same_digits_as_text(number: str, text: str) -> None:
    trees = [json_reader.read(body.encode()) for body in (number, text)]

    assert len({request_body.fingerprint("POST", "/x", tree) for tree in trees}) == 2


def test_the_fingerprint_of_a_body_without_fractions_is_that_of_the_first_release() -> None:
    """Requests that are sent again after an update are known by what the old version has stored."""
    tree = json_reader.read(
        b'{"transfers":[{"from":"a","to":"b","asset":"x","amount":"1.50"}],"atomic":true}'
    )

    written = b'{"atomic":true,"transfers":[{"amount":"1.50","asset":"x","from":"a","to":"b"}]}'
    assert (
        request_body.fingerprint("POST", "/transfers", tree)
        == hashlib.sha256(b"POST /transfers\n" + written).digest()
    )


async def test_a_key_comes_with_the_fingerprint_of_its_request(client: httpx.AsyncClient) -> None:
    async def fingerprint(path: str, body: str, key: str = "k 1") -> str:
        return (await client.post(path, content=body, headers={"Idempotency-Key": key})).text

    first = await fingerprint("/keyed/a", '{"items":[{"value":1,"quantity":1}]}')

    assert first.startswith("admin k 1 ")
    assert await fingerprint("/keyed/a", ' {"items" : [{"quantity":1, "value":1}] } ') == first
    assert await fingerprint("/keyed/b", '{"items":[{"value":1,"quantity":1}]}') != first
    assert await fingerprint("/keyed/a", '{"items":[{"value":2,"quantity":1}]}') != first
    assert (await client.post("/keyed/a", content='{"items":[{"value":1,"quantity":1}]}')).text == "none"


@pytest.mark.parametrize("key", [b"wd-901 ", b" wd-901", b"\twd-901 \t "])
async def test_blanks_around_a_key_are_no_part_of_it(client: httpx.AsyncClient, key: bytes) -> None:
    async def claim(header: bytes) -> str:
        return (
            await client.post("/keyed/a", json={"items": [LINE]}, headers=[(b"Idempotency-Key", header)])
        ).text

    assert await claim(key) == await claim(b"wd-901")
    assert await claim(b"wd 901") != await claim(b"wd-901")


async def test_a_request_has_one_key(client: httpx.AsyncClient) -> None:
    async def status(*keys: bytes) -> int:
        headers = [(b"Idempotency-Key", key) for key in keys]
        return (await client.post("/keyed/a", json={"items": [LINE]}, headers=headers)).status_code

    assert [await status(b"a", b"a "), await status(b"a", b"b")] == [200, 400]


@pytest.mark.parametrize(
    "key", [b"", b" ", b"k" * 256, b"a\tb", b"\x80", "\u2028".encode(), "\x85".encode(), "ü".encode() * 256]
)
async def test_a_key_is_one_line_of_at_most_255_characters(client: httpx.AsyncClient, key: bytes) -> None:
    body = '{"items":[{"value":1,"quantity":1}]}'

    answer = await client.post("/keyed/a", content=body, headers=[(b"Idempotency-Key", key)])

    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == "Idempotency-Key"
