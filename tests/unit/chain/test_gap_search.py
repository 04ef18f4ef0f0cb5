import pytest

from app.chain import gap_search
from app.chain.gap_search import AddressPath, AddressRange, Candidates, GapSearch
from app.chain.keys import Keyring
from app.domain import dogecoin
from app.domain.blocks import Block, BlockOutput, Spend
from app.domain.dogecoin import REGTEST, Outpoint
from app.money import Koinu
from tests import scenario

[ACCOUNT] = Keyring(REGTEST, scenario.WORDS).account_xpubs(0, 1)
OUTPOINT = Outpoint(bytes(32), 0)


def hashes(branch: int, first: int, count: int) -> bytes:
    return gap_search.key_hashes(ACCOUNT.xpub, branch, first, count)


def script(branch: int, index: int) -> bytes:
    return dogecoin.p2pkh(hashes(branch, index, 1))


def block(*paid: bytes, height: int = 1, spends: tuple[Spend, ...] = ()) -> Block:
    outputs = [BlockOutput(Outpoint(bytes(32), n), one, Koinu(1), False) for n, one in enumerate(paid)]
    return Block(height, bytes(32), bytes(32), 0, 1, outputs, spends)


def search(gap: int) -> GapSearch:
    made = GapSearch(gap)
    made.add_account(ACCOUNT, hashes(0, 0, gap), hashes(1, 0, gap))
    return made


def test_hashes_that_begin_alike_are_told_by_their_places_and_others_are_not() -> None:
    candidates = Candidates()
    alike = [b"alike678" + bytes([n] * 12) for n in range(3)]
    candidates.add(AddressRange(7, 0, 100), b"".join([alike[0], b"different" + bytes(11), alike[1]]))
    candidates.add(AddressRange(8, 1, 5), alike[2])

    assert list(candidates.matches(alike[1])) == [
        AddressPath(7, 0, 100),
        AddressPath(7, 0, 102),
        AddressPath(8, 1, 5),
    ]
    assert list(candidates.matches(b"different" + bytes(11))) == [AddressPath(7, 0, 101)]
    assert not list(candidates.matches(b"elsewhere" + bytes(11)))
    assert len(candidates) == 4


def test_of_thousands_each_is_found() -> None:
    candidates = Candidates()
    candidates.add(AddressRange(0, 0, 0), hashes(0, 0, 3_000))

    found = [list(candidates.matches(hashes(0, index, 1))) for index in range(3_000)]

    assert found == [[AddressPath(0, 0, index)] for index in range(3_000)]


def test_a_stranger_whose_hash_begins_like_one_of_ours_is_no_payment() -> None:
    looking = search(3)

    looking.read(block(dogecoin.p2pkh(hashes(0, 1, 1)[:8] + bytes(12)), dogecoin.p2sh(hashes(0, 1, 1)), b""))

    assert not looking.blocks
    assert not looking.last_used


def test_an_index_without_a_key_is_no_address_that_anybody_could_pay() -> None:
    looking = GapSearch(1)
    looking.add_account(ACCOUNT, bytes(20), bytes(20))

    looking.read(block(dogecoin.p2pkh(bytes(20))))

    assert not looking.blocks


def test_only_what_pays_or_spends_us_is_kept() -> None:
    looking = search(3)
    paid = block(b"else", script(0, 0), script(1, 2))
    ours, theirs = Spend(Outpoint(bytes(32), 1), b"by"), Spend(Outpoint(bytes(32), 9), b"by")

    looking.read(paid)
    looking.read(block(b"else", height=2))
    looking.read(block(height=3, spends=(theirs, ours)))

    assert sorted(looking.blocks) == [1, 3]
    assert [output.script for output in looking.blocks[1].outputs] == [script(0, 0), script(1, 2)]
    assert looking.blocks[3].spends == [ours]


@pytest.mark.parametrize(("index", "looked_at"), [(0, 1 + 6 + 1), (2, 1 + 6 + 3)])
def test_a_payment_moves_the_end_of_its_branch_on_so_that_the_gap_follows_it(
    index: int, looked_at: int
) -> None:
    looking = search(3)
    assert not looking.extended

    looking.read(block(script(0, index)))

    assert (looking.address_count, looking.extended) == (looked_at, True)
    assert looking.last_used == {(0, 0): index}


def test_the_account_key_s_own_address_is_looked_for_and_moves_nothing() -> None:
    looking = search(3)

    looking.read(block(ACCOUNT.address_script))

    assert (looking.address_count, looking.extended) == (7, False)
    assert sorted(looking.blocks) == [1]
