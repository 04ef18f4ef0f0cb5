"""The encrypted file: what was written comes back, and nothing else does."""

import io
import secrets
from itertools import pairwise

import pytest

from app.backup import envelope, parts
from app.backup.envelope import CHUNK_BYTES, NoBackup, Sealer
from app.chain.seed_record import Cost

PASSPHRASE = "such long words, very secret"
CHEAP = Cost(n=1 << 14, p=1)
CONTENT = secrets.token_bytes(3 * CHUNK_BYTES + 17)


@pytest.fixture(scope="module")
def sealed() -> bytes:
    file = io.BytesIO()
    sealer = Sealer(file, PASSPHRASE, CHEAP)
    sealer.write(CONTENT)
    sealer.close()
    return file.getvalue()


def opened(sealed: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return b"".join(envelope.opened(io.BytesIO(sealed), passphrase))


def chunks(sealed: bytes) -> list[int]:
    """Where each chunk begins, and the end."""
    starts = [sealed.index(b"\n", len(envelope.MAGIC)) + 1]
    while starts[-1] < len(sealed):
        starts.append(starts[-1] + 4 + int.from_bytes(sealed[starts[-1] : starts[-1] + 4], "big"))
    return starts


def test_what_was_written_comes_back_and_is_not_to_be_seen_in_the_file(sealed: bytes) -> None:
    assert opened(sealed) == CONTENT
    assert len(chunks(sealed)) == 5
    assert CONTENT[:16] not in sealed


def test_the_same_content_never_makes_the_same_file(sealed: bytes) -> None:
    file = io.BytesIO()
    sealer = Sealer(file, PASSPHRASE, CHEAP)
    sealer.write(CONTENT)
    sealer.close()

    assert file.getvalue()[200:] != sealed[200:]


def test_another_passphrase_opens_nothing(sealed: bytes) -> None:
    with pytest.raises(NoBackup, match="The passphrase does not open the backup"):
        opened(sealed, PASSPHRASE + "!")


def test_a_file_that_breaks_off_anywhere_is_not_whole(sealed: bytes) -> None:
    starts = chunks(sealed)
    ends = [*starts[1:-1], *(start + 3 for start in starts[:-1]), starts[2] + 100, len(sealed) - 1]

    for end in ends:
        with pytest.raises(NoBackup, match="not whole"):
            opened(sealed[:end])


def test_a_bit_that_is_changed_anywhere_is_noticed(sealed: bytes) -> None:
    for start, end in pairwise([0, *chunks(sealed)]):
        place = start + secrets.randbelow(end - start)
        changed = bytearray(sealed)
        changed[place] ^= 1

        with pytest.raises(NoBackup):
            opened(bytes(changed))


def test_chunks_that_change_places_or_are_left_out_or_added_are_noticed(sealed: bytes) -> None:
    starts = chunks(sealed)
    head, pieces = sealed[: starts[0]], [sealed[start:end] for start, end in pairwise(starts)]
    first, second, third, last = pieces

    for order in ([second, first, third, last], [first, third, last], [first, last], [*pieces, last]):
        with pytest.raises(NoBackup):
            opened(head + b"".join(order))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"nonsense",
        envelope.MAGIC,
        envelope.MAGIC + b"{}\n",
        envelope.MAGIC + b'{"n":1073741824,"p":1,"salt":"00"}\n',
    ],
)
def test_what_is_no_backup_is_told_in_a_sentence(head: bytes) -> None:
    with pytest.raises(NoBackup, match=r"The (file|backup) is"):
        opened(head)


def test_parts_come_back_in_order_also_where_one_is_passed_over() -> None:
    file = io.BytesIO()
    writer = parts.Writer(file, PASSPHRASE)
    for name, content in (("a", CONTENT), ("b", b""), ("c", b"small")):
        writer.begin(name=name)
        writer.write(content)
    writer.close()
    whole = file.getvalue()

    read = [
        (about["name"], b"".join(content)) for about, content in parts.read(io.BytesIO(whole), PASSPHRASE)
    ]

    assert read == [("a", CONTENT), ("b", b""), ("c", b"small")]
    assert [about["name"] for about, _ in parts.read(io.BytesIO(whole), PASSPHRASE)] == ["a", "b", "c"]
    with pytest.raises(NoBackup):
        parts.prove(io.BytesIO(whole[:-1]), PASSPHRASE)
