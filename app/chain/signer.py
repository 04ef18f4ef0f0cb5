"""The signer: derives the keys of coins, and signs what spends them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import coincurve

from app.chain import signing, wire
from app.chain.keys import Keyring
from app.chain.sent_marker import HighWater
from app.domain import accounts
from app.domain.dogecoin import Network, Outpoint
from app.domain.payments import Choice, Path


@dataclass(frozen=True, slots=True)
class Signer:
    """What signing takes: the network, the keys, and what was ever sent."""

    network: Network
    keyring: Keyring
    high_water: HighWater

    def key_of(self, path: Path) -> coincurve.PrivateKey:
        """Derive the key of a path."""
        if path.branch == accounts.ACCOUNT_KEY:
            return self.keyring.account_key(path.account)
        return self.keyring.private_key(path.account, path.branch, path.index)

    def sign(
        self, choice: Choice, paths: Mapping[Outpoint, Path], outputs: Sequence[wire.Output]
    ) -> wire.Transaction:
        """Return the signed transaction that spends the choice's coins, in their order, to the outputs."""
        return self.sign_coins([coin.outpoint for coin in choice.coins], paths, outputs)

    def sign_coins(
        self, coins: Sequence[Outpoint], paths: Mapping[Outpoint, Path], outputs: Sequence[wire.Output]
    ) -> wire.Transaction:
        """Return the signed transaction that spends these coins, in their order, to the outputs."""
        spent = [paths[outpoint] for outpoint in coins]
        unsigned = signing.build(coins, outputs)
        return signing.sign(
            unsigned, [path.script for path in spent], lambda index: self.key_of(spent[index])
        )
