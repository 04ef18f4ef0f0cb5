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
    outputs = [BlockOutput(Outpoint(bytes(32), n), script, Koinu(1), False) for n, script in enumerate(paid)]
    return Block(height, bytes(32), bytes(32), 0, 1, outputs, spends)


def search(gap: int) -> GapSearch:
    started = GapSearch(gap)
    started.add_account(ACCOUNT, hashes(0, 0, gap), hashes(1, 0, gap))
    return started


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

    paths = [list(candidates.matches(hashes(0, index, 1))) for index in range(3_000)]

    assert paths == [[AddressPath(0, 0, index)] for index in range(3_000)]


def test_a_stranger_whose_hash_begins_like_one_of_ours_is_no_payment() -> None:
    searching = search(3)

    searching.read(
        block(dogecoin.p2pkh(hashes(0, 1, 1)[:8] + bytes(12)), dogecoin.p2sh(hashes(0, 1, 1)), b"")
    )

    assert not searching.blocks
    assert not searching.last_used


def test_an_index_without_a_key_is_no_address_that_anybody_could_pay() -> None:
    searching = GapSearch(1)
    searching.add_account(ACCOUNT, bytes(20), bytes(20))

    searching.read(block(dogecoin.p2pkh(bytes(20))))

    assert not searching.blocks


def test_only_what_pays_or_spends_us_is_kept() -> None:
    searching = search(3)
    paid = block(b"else", script(0, 0), script(1, 2))
    our_spend, foreign_spend = Spend(Outpoint(bytes(32), 1), b"by"), Spend(Outpoint(bytes(32), 9), b"by")

    searching.read(paid)
    searching.read(block(b"else", height=2))
    searching.read(block(height=3, spends=(foreign_spend, our_spend)))

    assert sorted(searching.blocks) == [1, 3]
    assert [output.script for output in searching.blocks[1].outputs] == [script(0, 0), script(1, 2)]
    assert searching.blocks[3].spends == [our_spend]


@pytest.mark.parametrize(("index", "looked_at"), [(0, 1 + 6 + 1), (2, 1 + 6 + 3)])
def test_a_payment_moves_the_end_of_its_branch_on_so_that_the_gap_follows_it(
    index: int, looked_at: int
) -> None:
    searching = search(3)
    assert not searching.extended

    searching.read(block(script(0, index)))

    assert (searching.address_count, searching.extended) == (looked_at, True)
    assert searching.last_used == {(0, 0): index}


def test_the_account_key_s_own_address_is_looked_for_and_moves_nothing() -> None:
    searching = search(3)

    searching.read(block(ACCOUNT.address_script))

    assert (searching.address_count, searching.extended) == (7, False)
    assert sorted(searching.blocks) == [1]
