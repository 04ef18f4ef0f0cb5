import base64

from app.api import tokens as draws


def test_each_word_is_another_of_its_size_also_beyond_what_is_drawn_at_once() -> None:
    token, hexadecimal = draws.words(16, draws.urlsafe), draws.words(8, bytes.hex)
    count = 3 * draws.AT_ONCE + 1

    tokens = {token() for _ in range(count)}
    ids = {hexadecimal() for _ in range(count)}

    assert (len(tokens), len(ids)) == (count, count)
    assert {len(base64.urlsafe_b64decode(word + "==")) for word in tokens} == {16}
    assert {len(bytes.fromhex(word)) for word in ids} == {8}


def test_what_two_draw_differs() -> None:
    one, other = (draws.words(16, draws.urlsafe) for _ in range(2))

    assert not {one() for _ in range(100)} & {other() for _ in range(100)}


def test_a_word_is_written_as_secrets_writes_it() -> None:
    assert draws.urlsafe(b"\xfb\xff\xfe\x00") == "-__-AA"
