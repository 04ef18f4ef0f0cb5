"""The faucet's wallet: keys from one seed, what they hold, and payments from it."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import coincurve

from app.chain import wire
from app.chain.wire import Input, Output, Transaction
from app.domain import dogecoin
from app.money import COIN, DUST
from devnet import signatures
from devnet.chainstate import Chain, Coin, Outpoint, Watch
from devnet.mempool import Mempool
from devnet.signatures import Key
from devnet.storage import Storage
from devnet.validation import COINBASE_MATURITY

FEE_PER_KB: Final = COIN // 100
MAX_INPUTS: Final = 600  # keeps a payment under the 100,000 bytes that are standard
_SEED_BYTES = 32
_HARDENED = 1 << 31
_INPUT_BYTES, _OUTPUT_BYTES, _REST_BYTES = 149, 34, 12


class InsufficientFunds(Exception):
    """The spendable coins do not reach."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a key comes from: its BIP32 path, None if it was imported."""

    key: Key
    path: str | None


class Wallet:
    """Keys, coins and payments. Key 0 is the faucet's; `getnewaddress` counts on from 1."""

    def __init__(
        self, storage: Storage, chain: Chain, mempool: Mempool, chance: Callable[[int], bytes]
    ) -> None:
        """Load the wallet, or make one from `chance(32)`."""
        self._storage = storage
        self._chain = chain
        self._mempool = mempool
        seed = storage.kept("seed")
        if seed is None:
            seed = chance(_SEED_BYTES)
            storage.keep("seed", seed)
        self._branch = _branch(seed)
        self.master_id = dogecoin.hash160(
            Key.of(_extended(hmac.digest(b"Bitcoin seed", seed, "sha512"))[0]).public
        )[::-1].hex()
        self._used = int.from_bytes(storage.kept("used") or b"\x01", "big")
        self.origins: dict[bytes, Origin] = {}
        for number in range(self._used):
            self._derive(number)
        for secret, compressed in storage.imported():
            self._own(Origin(Key.of(secret, compressed=compressed), None))

    def faucet_script(self) -> bytes:
        """Output script that the block timer's coins are paid to."""
        return next(iter(self.origins))

    def new_address(self) -> str:
        """Hand out an address that was never handed out."""
        self._used += 1
        self._storage.keep("used", self._used.to_bytes(4, "big"))
        address = dogecoin.to_address(dogecoin.REGTEST, self._derive(self._used - 1).key.script)
        assert address is not None, "a P2PKH script has an address"  # noqa: S101  tells the type checker
        return address

    def import_key(self, wif: str) -> None:
        """Take in a private key of regtest; raises `ValueError` where the text is none."""
        secret, compressed = read_wif(wif)
        key = Key.of(secret, compressed=compressed)
        self._storage.add_key(secret, compressed=compressed)
        self._own(Origin(key, None), scan=True)

    def key(self, output_script: bytes) -> Key | None:
        """Find the key that spends a script."""
        origin = self.origins.get(output_script)
        return origin.key if origin else None

    def watch(self, output_script: bytes) -> Watch:
        """Look up what a script of the wallet holds and received on the chain."""
        return self._chain.watched.get(output_script) or Watch()

    def balance(self, min_confirmations: int = 1) -> int:
        """Koinu that are spendable: mature, and of its own payments the change."""
        return sum(coin.value for _, coin in self._spendable(min_confirmations))

    def received(self, output_script: bytes, min_confirmations: int = 1) -> int:
        """Koinu ever received by one script of the wallet, coinbases left out, as Core counts."""
        if output_script not in self.origins:
            return 0
        highest = self._chain.height + 1 - min_confirmations
        coins = self.watch(output_script).received.values()
        total = sum(coin.value for coin in coins if coin.height <= highest and not coin.coinbase)
        if min_confirmations > 0:
            return total
        waiting = (output for entry in self._mempool.entries.values() for output in entry.transaction.outputs)
        return total + sum(output.value for output in waiting if output.script == output_script)

    def pay(self, outputs: list[Output], rate: int = FEE_PER_KB) -> Transaction:
        """Make and sign a payment, with change to the faucet's key; raises `InsufficientFunds`. Does not send it."""
        needed = sum(output.value for output in outputs)
        chosen: list[Outpoint] = []
        total = fee = 0
        for outpoint, coin in islice(self._spendable(1), MAX_INPUTS):
            chosen.append(outpoint)
            total += coin.value
            fee = _fee(rate, len(chosen), len(outputs) + 1)
            if total >= needed + fee:
                break
        else:
            raise InsufficientFunds
        change = total - needed - fee
        if change >= DUST:
            outputs = [*outputs, Output(change, self.faucet_script())]
        inputs = [Input(txid, vout, b"", 0xFFFFFFFE) for txid, vout in chosen]
        # No lock time, unlike Core's wallet: a payment that goes back to the mempool in a deep reorganisation stays final.
        return self.sign(wire.assemble(inputs, outputs))

    def sign(self, transaction: Transaction) -> Transaction:
        """Sign the inputs that spend coins of the wallet."""
        for index, spent in enumerate(transaction.inputs):
            found = self._output(spent.txid, spent.vout)
            key = self.key(found.script) if found else None
            if key is not None:
                transaction = signatures.sign(transaction, index, key)
        return transaction

    def _output(self, txid: bytes, vout: int) -> Output | None:
        waiting = self._mempool.entries.get(txid)
        if waiting is not None:
            return waiting.transaction.outputs[vout]
        coins = self._chain.coins.get(txid)
        return coins.outputs.get(vout) if coins else None

    def _spendable(self, min_confirmations: int) -> Iterator[tuple[Outpoint, Coin]]:
        """Walk over what can be spent: confirmed coins first, so that payments of one block do not build on each other."""
        highest = self._chain.height + 1 - max(min_confirmations, 1)
        mature = self._chain.height - COINBASE_MATURITY  # the wallet waits one block more than it must
        for output_script in self.origins:
            for outpoint, coin in self.watch(output_script).coins.items():
                if outpoint not in self._mempool.spenders and coin.height <= (
                    mature if coin.coinbase else highest
                ):
                    yield outpoint, coin
        yield from self._change(min_confirmations)

    def _change(self, min_confirmations: int) -> Iterator[tuple[Outpoint, Coin]]:
        """Walk over outputs to the wallet of waiting transactions; of its own ones unless `min_confirmations` is 0."""
        for txid, entry in self._mempool.entries.items():
            if min_confirmations > 0 and not self._is_own(entry.transaction):
                continue
            for vout, output in enumerate(entry.transaction.outputs):
                if output.script in self.origins and (txid, vout) not in self._mempool.spenders:
                    yield (txid, vout), Coin(output.value, self._chain.height + 1, coinbase=False)

    def _is_own(self, transaction: Transaction) -> bool:
        """Tell whether it spends a key of the wallet: then its change can be trusted."""
        return all(self._is_mine(spent.script) for spent in transaction.inputs)

    def _is_mine(self, spending_script: bytes) -> bool:
        """Tell whether a P2PKH spend is by a compressed key of the wallet, which is what `pay` makes."""
        return b"\x76\xa9\x14" + dogecoin.hash160(spending_script[-33:]) + b"\x88\xac" in self.origins

    def _derive(self, number: int) -> Origin:
        secret, _ = _child(*self._branch, number)
        return self._own(Origin(Key.of(secret), f"m/0'/3'/{number}'"))

    def _own(self, origin: Origin, *, scan: bool = False) -> Origin:
        self.origins.setdefault(origin.key.script, origin)
        self._chain.watch(origin.key.script, scan=scan)
        return origin


def read_wif(wif: str) -> tuple[bytes, bool]:
    """Read the 32 bytes of a private key of regtest, and whether it is compressed; else `ValueError`, without the text."""
    payload = dogecoin.base58_decode(wif)
    if isinstance(payload, str) or payload[0] != dogecoin.REGTEST.wif:
        raise ValueError("not a private key of regtest")
    if len(payload) == 34 and payload[-1] == 1:
        return payload[1:33], True
    if len(payload) != 33:
        raise ValueError("not a private key of regtest")
    return payload[1:], False


def write_wif(key: Key) -> str:
    """Write a private key as text."""
    return dogecoin.base58_encode(
        bytes((dogecoin.REGTEST.wif,)) + key.private.secret + (b"\x01" if len(key.public) == 33 else b"")
    )


def _branch(seed: bytes) -> tuple[bytes, bytes]:
    """Derive m/0'/3' of the seed, where the wallet's keys are (BIP32)."""
    return _child(*_child(*_extended(hmac.digest(b"Bitcoin seed", seed, "sha512")), 0), 3)


def _child(secret: bytes, chain_code: bytes, number: int) -> tuple[bytes, bytes]:
    """Derive a hardened child (BIP32)."""
    left, right = _extended(
        hmac.digest(chain_code, b"\0" + secret + (number | _HARDENED).to_bytes(4, "big"), hashlib.sha512)
    )
    return coincurve.PrivateKey(secret).add(left).secret, right


def _extended(digest: bytes) -> tuple[bytes, bytes]:
    return digest[:32], digest[32:]


def _fee(rate: int, inputs: int, outputs: int) -> int:
    return rate * (inputs * _INPUT_BYTES + outputs * _OUTPUT_BYTES + _REST_BYTES) // 1000 + 1
