import pytest

from app.domain import dogecoin


@pytest.mark.parametrize(
    ("network", "height", "confirmations"),
    [
        (dogecoin.MAIN, 0, 30),
        (dogecoin.MAIN, 144_999, 30),
        (dogecoin.MAIN, 145_000, 240),
        (dogecoin.TEST, 144_999, 30),
        (dogecoin.TEST, 145_000, 240),
        (dogecoin.REGTEST, 0, 60),
        (dogecoin.REGTEST, 1_000_000, 60),
    ],
)
def test_a_coinbase_matures_by_the_height_it_was_mined_at(
    network: dogecoin.Network, height: int, confirmations: int
) -> None:
    assert network.maturity(height) == confirmations


def test_a_network_is_found_by_the_name_the_node_uses() -> None:
    assert [dogecoin.network_by_name(name) for name in ("main", "test", "regtest")] == list(dogecoin.NETWORKS)


def test_an_unknown_network_is_refused_in_a_sentence() -> None:
    with pytest.raises(dogecoin.UnknownNetwork, match=r"^There is no network 'signet'"):
        dogecoin.network_by_name("signet")
