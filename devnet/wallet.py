"""The faucet's wallet: keys from one seed, what they hold, and payments from it."""

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
_INPUT_BYTES, _OUTPUT_BYTES, _REST_BYTES = 149, 34, 12


class InsufficientFunds(Exception):
    """The spendable coins are too few."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A key and its BIP32 path, None if the key was imported."""

    key: Key
    path: str | None


class Wallet:
    """Keys, coins and payments. Key 0 is the faucet's; `getnewaddress` counts on from 1."""

    def __init__(
        self, storage: Storage, chain: Chain, mempool: Mempool, random_bytes: Callable[[int], bytes]
    ) -> None:
        """Load the wallet, or make one from `random_bytes(32)`."""
        self._storage = storage
        self._chain = chain
        self._mempool = mempool
        seed = storage.value("seed")
        if seed is None:
            seed = random_bytes(_SEED_BYTES)
            storage.set_value("seed", seed)
        master = _halves(hmac.digest(b"Bitcoin seed", seed, "sha512"))
        self.master_id = dogecoin.hash160(Key.of(master[0]).public)[::-1].hex()
        self._branch = _child(*_child(*master, 0), 3)  # m/0'/3'
        self._used = int.from_bytes(storage.value("used") or b"\x01", "big")
        self.origins: dict[bytes, Origin] = {}
        for number in range(self._used):
            self._derive(number)
        for secret, compressed in storage.imported():
            self._add(Origin(Key.of(secret, compressed=compressed), None))

    def faucet_script(self) -> bytes:
        """Return the output script that the coins of mined blocks are paid to."""
        return next(iter(self.origins))

    def new_address(self) -> str:
        """Return an address that was never given out."""
        self._used += 1
        self._storage.set_value("used", self._used.to_bytes(4, "big"))
        address = dogecoin.to_address(dogecoin.REGTEST, self._derive(self._used - 1).key.script)
        assert address is not None, "a P2PKH script has an address"  # noqa: S101  tells the type checker
        return address

    def import_key(self, wif: str) -> None:
        """Add a private key of regtest, or raise `ValueError`."""
        secret, compressed = read_wif(wif)
        key = Key.of(secret, compressed=compressed)
        self._storage.add_key(secret, compressed=compressed)
        self._add(Origin(key, None), scan=True)

    def key(self, output_script: bytes) -> Key | None:
        """Return the key that spends a script, if it is here."""
        origin = self.origins.get(output_script)
        return origin.key if origin else None

    def watch(self, output_script: bytes) -> Watch:
        """Return what a script of the wallet has, and what it received on the chain."""
        return self._chain.watched.get(output_script) or Watch()

    def balance(self, min_confirmations: int = 1) -> int:
        """Return the koinu that are spendable: mature coins, and the change of its own payments."""
        return sum(coin.value for _, coin in self._spendable(min_confirmations))

    def received(self, output_script: bytes, min_confirmations: int = 1) -> int:
        """Return the koinu that a script of the wallet ever received, without coinbases, as Core counts."""
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
        """Make and sign a payment, with change to the faucet's key; else raise `InsufficientFunds`."""
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
        # No lock time, unlike Core's wallet: a payment that a deep reorganisation returns stays final.
        return self.sign(wire.assemble(inputs, outputs))

    def sign(self, transaction: Transaction) -> Transaction:
        """Sign the inputs that spend coins of the wallet."""
        for index, spent in enumerate(transaction.inputs):
            output = self._output(spent.txid, spent.vout)
            key = self.key(output.script) if output else None
            if key is not None:
                transaction = signatures.sign(transaction, index, key)
        return transaction

    def _output(self, txid: bytes, vout: int) -> Output | None:
        entry = self._mempool.entries.get(txid)
        if entry is not None:
            return entry.transaction.outputs[vout]
        coins = self._chain.coins.get(txid)
        return coins.outputs.get(vout) if coins else None

    def _spendable(self, min_confirmations: int) -> Iterator[tuple[Outpoint, Coin]]:
        """Yield what can be spent: confirmed coins first, so that payments of one block are independent."""
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
        """Yield mempool outputs to the wallet: of its own payments, or of all if `min_confirmations` is 0."""
        for txid, entry in self._mempool.entries.items():
            if min_confirmations > 0 and not self._is_own(entry.transaction):
                continue
            for vout, output in enumerate(entry.transaction.outputs):
                if output.script in self.origins and (txid, vout) not in self._mempool.spenders:
                    yield (txid, vout), Coin(output.value, self._chain.height + 1, coinbase=False)

    def _is_own(self, transaction: Transaction) -> bool:
        """Say whether it spends keys of the wallet only: then its change can be trusted."""
        keys = (spent.script[-33:] for spent in transaction.inputs)  # compressed, as `pay` spends
        return all(dogecoin.p2pkh(dogecoin.hash160(key)) in self.origins for key in keys)

    def _derive(self, number: int) -> Origin:
        secret, _ = _child(*self._branch, number)
        return self._add(Origin(Key.of(secret), f"m/0'/3'/{number}'"))

    def _add(self, origin: Origin, *, scan: bool = False) -> Origin:
        self.origins.setdefault(origin.key.script, origin)
        self._chain.watch(origin.key.script, scan=scan)
        return origin


def read_wif(wif: str) -> tuple[bytes, bool]:
    """Read a private key of regtest: 32 bytes, and whether it is compressed; else `ValueError`."""
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


def _child(secret: bytes, chain_code: bytes, number: int) -> tuple[bytes, bytes]:
    """Derive a hardened child: its secret and its chain code (BIP32)."""
    message = b"\0" + secret + (number | dogecoin.HARDENED).to_bytes(4, "big")
    tweak, child_chain_code = _halves(hmac.digest(chain_code, message, "sha512"))
    return coincurve.PrivateKey(secret).add(tweak).secret, child_chain_code


def _halves(digest: bytes) -> tuple[bytes, bytes]:
    return digest[:32], digest[32:]


def _fee(rate: int, inputs: int, outputs: int) -> int:
    return rate * (inputs * _INPUT_BYTES + outputs * _OUTPUT_BYTES + _REST_BYTES) // 1000 + 1
