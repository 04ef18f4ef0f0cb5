"""Random words: each differs, also beyond what is drawn from the system at once."""

import base64

from app.api import tokens


def test_each_word_is_another_of_its_size_also_beyond_what_is_drawn_at_once() -> None:
    token, hexadecimal = tokens.words(16, tokens.urlsafe), tokens.words(8, bytes.hex)
    count = 3 * tokens.DRAWN + 1

    words = {token() for _ in range(count)}
    ids = {hexadecimal() for _ in range(count)}

    assert (len(words), len(ids)) == (count, count)
    assert {len(base64.urlsafe_b64decode(word + "==")) for word in words} == {16}
    assert {len(bytes.fromhex(word)) for word in ids} == {8}


def test_what_two_draw_differs() -> None:
    first, second = (tokens.words(16, tokens.urlsafe) for _ in range(2))

    assert not {first() for _ in range(100)} & {second() for _ in range(100)}


def test_a_word_is_written_as_secrets_writes_it() -> None:
    assert tokens.urlsafe(b"\xfb\xff\xfe\x00") == "-__-AA"
