"""A payer's wallet that knows DogeConnect: it reads requests over HTTP, verifies, signs and submits."""

import base64
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.chain import signing, wire
from app.domain import dogecoin
from app.domain.dogecoin import REGTEST, Outpoint
from app.money import parse
from devnet.signatures import Key
from tests import bip340
from tests.chain_harness import ChainHarness

FEE = 10_000_000
"""0.1 DOGE: enough for whatever one input pays."""


@dataclass(frozen=True, slots=True)
class Request:
    """A payment request whose signature was verified."""

    content: dict[str, Any]

    @classmethod
    def of(cls, envelope: dict[str, str], uri: str = "") -> "Request":
        """Verify the envelope as the specification says, with the hash of the key in the URI if there is one."""
        content = base64.b64decode(envelope["payload"], validate=True)
        public_key = bytes.fromhex(envelope["pubkey"])
        if uri:
            [known] = parse_qs(urlsplit(uri).query)["h"]
            assert base64.urlsafe_b64decode(known) == sha256(public_key).digest()[:15]
        message = sha256(sha256(content).digest()).digest()
        assert bip340.verifies(public_key, message, bytes.fromhex(envelope["sig"]))
        return cls(json.loads(content))

    @property
    def outputs(self) -> list[wire.Output]:
        return [
            wire.Output(parse(output["amount"]), dogecoin.to_script(REGTEST, output["address"]))
            for output in self.content["outputs"]
        ]

    def submission(self, raw: bytes, **changes: Any) -> dict[str, Any]:
        """What a wallet posts to the relay."""
        given = {name: self.content[name] for name in ("id", "relay_token")}
        return given | {"tx": raw.hex()} | changes


@dataclass
class Wallet:
    """One key and its coins."""

    key: Key = field(default_factory=lambda: Key.of(bytes(31) + b"\x05"))
    coins: list[tuple[Outpoint, int]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return dogecoin.to_address(REGTEST, self.key.script) or ""

    async def fund(self, harness: ChainHarness, *amounts: str) -> None:
        """Get coins from the faucet, mined."""
        for amount in amounts:
            txid = await harness.call("sendtoaddress", self.address, amount)
            self.coins.append(await self.coin(harness, txid))
        await harness.mine()

    async def coin(self, harness: ChainHarness, txid: str) -> tuple[Outpoint, int]:
        """Return what a transaction pays this wallet."""
        return self.coin_of(await harness.call("getrawtransaction", txid))

    def coin_of(self, raw: str) -> tuple[Outpoint, int]:
        """Return the only output of a transaction that pays this wallet."""
        transaction = wire.parse_transaction(bytes.fromhex(raw))
        outputs = transaction.outputs
        [vout] = [vout for vout, output in enumerate(outputs) if output.script == self.key.script]
        return Outpoint(transaction.txid, vout), outputs[vout].value

    def sign(
        self, outputs: list[wire.Output], *coins: tuple[Outpoint, int], fee: int = FEE
    ) -> wire.Transaction:
        """Spend these coins, or else the next one, with change to itself."""
        spent = list(coins) or [self.coins.pop(0)]
        change = sum(value for _, value in spent) - sum(output.value for output in outputs) - fee
        if change > 0:
            outputs = [*outputs, wire.Output(change, self.key.script)]
        unsigned = signing.build([outpoint for outpoint, _ in spent], outputs)
        return signing.sign(unsigned, [self.key.script] * len(spent), lambda _: self.key.private)
