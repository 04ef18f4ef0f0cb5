"""The three Dogecoin networks and their differences."""

from dataclasses import dataclass
from typing import Literal

Name = Literal["main", "test", "regtest"]


@dataclass(frozen=True, slots=True)
class Network:
    """Parameters of one network, as in Dogecoin Core's `chainparams.cpp`.

    `p2pkh`, `p2sh` and `wif` are the version bytes of Base58Check texts. `bip32_public` and `bip32_private`
    are the version numbers of extended keys, big-endian in the text. `genesis_hash` is hexadecimal as Core
    shows it.
    `coin_type` is that of SLIP-44. The `late_maturity` of a coinbase begins at height `late_maturity_from`.
    """

    name: Name
    p2pkh: int
    p2sh: int
    wif: int
    bip32_public: int
    bip32_private: int
    coin_type: int
    genesis_hash: str
    spacing_seconds: int
    early_maturity: int
    late_maturity: int
    late_maturity_from: int

    def maturity(self, height: int) -> int:
        """Return how many confirmations a coinbase mined at `height` needs before it can be spent.

        Core uses the height of the coin, not of the spend (`CheckTxInputs`).
        """
        return self.early_maturity if height < self.late_maturity_from else self.late_maturity


MAIN = Network(
    name="main",
    p2pkh=30,
    p2sh=22,
    wif=158,
    bip32_public=0x02FACAFD,
    bip32_private=0x02FAC398,
    coin_type=3,
    genesis_hash="1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691",
    spacing_seconds=60,
    early_maturity=30,
    late_maturity=240,
    late_maturity_from=145_000,
)
TEST = Network(
    name="test",
    p2pkh=113,
    p2sh=196,
    wif=241,
    bip32_public=0x043587CF,
    bip32_private=0x04358394,
    coin_type=1,
    genesis_hash="bb0a78264637406b6360aad926284d544d7049f45189db5664f3c4d07350559e",
    spacing_seconds=60,
    early_maturity=30,
    late_maturity=240,
    late_maturity_from=145_000,
)
REGTEST = Network(
    name="regtest",
    p2pkh=111,
    p2sh=196,
    wif=239,
    bip32_public=0x043587CF,
    bip32_private=0x04358394,
    coin_type=1,
    genesis_hash="3d2160a3b5dc4a9d62e7e66a295f70313ac808440ef7400d6c0772171ce973a5",
    spacing_seconds=1,
    early_maturity=60,
    late_maturity=60,
    late_maturity_from=0,
)
NETWORKS = (MAIN, TEST, REGTEST)


class UnknownNetwork(ValueError):
    """The network is not one of main, test and regtest."""


def network_by_name(name: str) -> Network:
    """Return the network that Core and `KENNEL_NETWORK` call `name`; else raise `UnknownNetwork`."""
    for network in NETWORKS:
        if network.name == name:
            return network
    raise UnknownNetwork(f"There is no network {name[:32]!r}: use main, test or regtest.")
