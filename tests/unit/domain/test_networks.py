import pytest

from app.domain import networks


@pytest.mark.parametrize(
    ("network", "height", "confirmations"),
    [
        (networks.MAIN, 0, 30),
        (networks.MAIN, 144_999, 30),
        (networks.MAIN, 145_000, 240),
        (networks.TEST, 144_999, 30),
        (networks.TEST, 145_000, 240),
        (networks.REGTEST, 0, 60),
        (networks.REGTEST, 1_000_000, 60),
    ],
)
def test_a_coinbase_matures_by_the_height_it_was_mined_at(
    network: networks.Network, height: int, confirmations: int
) -> None:
    assert network.maturity(height) == confirmations


def test_a_network_is_found_by_the_name_the_node_uses() -> None:
    assert [networks.by_name(name) for name in ("main", "test", "regtest")] == list(networks.ALL)


def test_an_unknown_network_is_refused_in_a_sentence() -> None:
    with pytest.raises(networks.UnknownNetwork, match=r"^There is no network 'signet'"):
        networks.by_name("signet")
