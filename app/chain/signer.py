"""The signer: derives the keys of coins, and signs what spends them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import coincurve

from app.chain import signing, wire
from app.chain.keys import Keyring
from app.chain.sent_marker import SentMarker
from app.domain import accounts
from app.domain.dogecoin import Network, Outpoint
from app.domain.payments import Path


@dataclass(frozen=True, slots=True)
class Signer:
    """What signing needs: the network, the keys, and the marker of what was ever sent."""

    network: Network
    keyring: Keyring
    sent_marker: SentMarker

    def sign(
        self, coins: Sequence[Outpoint], paths: Mapping[Outpoint, Path], outputs: Sequence[wire.Output]
    ) -> wire.Transaction:
        """Return the signed transaction that spends these coins, in their order, to the outputs."""
        spent = [paths[outpoint] for outpoint in coins]
        unsigned = signing.build(coins, outputs)
        return signing.sign(unsigned, [path.script for path in spent], lambda index: self._key(spent[index]))

    def _key(self, path: Path) -> coincurve.PrivateKey:
        if path.branch == accounts.ACCOUNT_KEY:
            return self.keyring.account_key(path.account)
        return self.keyring.private_key(path.account, path.branch, path.index)
