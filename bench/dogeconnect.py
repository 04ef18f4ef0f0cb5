"""Transactions that wallets submit, per second: beside their signature checks alone, and beside the node alone."""

import asyncio
import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import coincurve
import httpx

from app.chain import signing, wire
from app.chain.wire import Output, Transaction
from app.domain import dogecoin
from app.domain.dogecoin import REGTEST
from app.money import COIN, parse
from bench import cpu_time, load, programs, shop
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Devnet, Testbed
from bench.shop import Shop

ROUNDS, EACH = 5, 60
COIN_KOINU, FEE = 45 * COIN, COIN // 10
KEY = coincurve.PrivateKey((7).to_bytes(32, "big"))
SCRIPT = dogecoin.p2pkh(dogecoin.hash160(KEY.public_key.format()))
LIMITS = {"public_requests": 1_000_000, "requests_per_address": 1_000_000}


@dataclass(slots=True)
class Wallet:
    """A key, and its coins in one mined transaction of which those from `next_coin` on are not spent."""

    txid: bytes
    next_coin: int = field(default=0)

    def pay(self, script: bytes, koinu: int) -> Transaction:
        """Sign a payment that spends the next coin."""
        change = Output(COIN_KOINU - koinu - FEE, SCRIPT)
        unsigned = signing.build([(self.txid, self.next_coin)], [Output(koinu, script), change])
        self.next_coin += 1
        return signing.sign(unsigned, [SCRIPT], lambda _: KEY)


async def measure(testbed: Testbed) -> list[Figure]:
    """Submit, check as many signatures, and give the node as many transactions, in turn."""
    rates: list[tuple[float, float, float, float]] = []
    async with (
        programs.devnet(testbed.folder()) as node,
        shop.opened(testbed, node, **LIMITS) as opened,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{opened.kennel.port('public API')}", trust_env=False, timeout=30
        ) as public,
    ):
        wallet = await _funded(node)
        for _ in range(ROUNDS):
            requests = [await _submission(opened, public, wallet) for _ in range(EACH)]
            pids = (opened.kennel.pid, testbed.postmaster)
            began, cpu = time.perf_counter(), cpu_time.of(*pids)
            await load.shared(opened.kennel.port("public API"), requests)
            submitted, milliseconds = _rate(began), 1_000 * (cpu_time.of(*pids) - cpu) / EACH
            paid = [wallet.pay(SCRIPT, COIN) for _ in range(EACH)]
            rates.append((submitted, milliseconds, _check(paid), await _send(node, paid)))
    submissions, milliseconds_each, checks, sends = zip(*rates, strict=True)
    return [
        of_rounds(Terms("dogeconnect", "submissions/s"), submissions, checks),
        of_rounds(Terms("dogeconnect_node", "submissions/s"), submissions, sends),
        Figure("dogeconnect_cpu", "ms each", median(milliseconds_each)),
    ]


async def _funded(node: Devnet) -> Wallet:
    """Get a coin for each payment, mined."""
    coins = 2 * ROUNDS * EACH
    address = dogecoin.to_address(REGTEST, SCRIPT)
    raw = await node.ask("getrawtransaction", await node.ask("sendtoaddress", address, 50 * coins))
    first = wire.parse_transaction(bytes.fromhex(raw))
    vout = [output.script for output in first.outputs].index(SCRIPT)
    unsigned = signing.build([(first.txid, vout)], [Output(COIN_KOINU, SCRIPT)] * coins)
    split = signing.sign(unsigned, [SCRIPT], lambda _: KEY)
    await node.ask("sendrawtransaction", split.raw.hex(), True)
    await node.ask("generate", 1)
    return Wallet(split.txid)


async def _submission(opened: Shop, public: httpx.AsyncClient, wallet: Wallet) -> bytes:
    """Issue an invoice, read its request as a wallet does, and return what the wallet posts."""
    invoice = await opened.invoice()
    envelope = (await public.get(f"/dc/{invoice['id']}")).raise_for_status().json()
    request = json.loads(base64.b64decode(envelope["payload"]))
    [output] = request["outputs"]
    paid = wallet.pay(dogecoin.to_script(REGTEST, output["address"]), parse(output["amount"]))
    body = {"id": request["id"], "tx": paid.raw.hex(), "relay_token": request["relay_token"]}
    return load.post(f"/dc/{invoice['id']}/pay", json.dumps(body).encode())


def _check(paid: Sequence[Transaction]) -> float:
    """Return the signatures per second that are checked, and nothing else."""
    checks = [_signed(transaction) for transaction in paid]
    began = time.perf_counter()
    if not all(KEY.public_key.verify(signature, digest, hasher=None) for signature, digest in checks):
        raise RuntimeError("a signature is wrong")
    return _rate(began)


def _signed(transaction: Transaction) -> tuple[bytes, bytes]:
    """Return the signature of the only input, and what it signs."""
    [spent] = transaction.inputs
    [digest] = signing.sighashes(transaction, [SCRIPT])
    return spent.script[1 : spent.script[0]], digest  # the last byte is the type of the hash


async def _send(node: Devnet, paid: Sequence[Transaction]) -> float:
    """Return the transactions per second that the node takes."""
    raws = iter([transaction.raw.hex() for transaction in paid])

    async def sender() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            for raw in raws:
                call = {"id": 1, "method": "sendrawtransaction", "params": [raw]}
                (await client.post(node.url, json=call)).raise_for_status()

    began = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(8)))
    return _rate(began)


def _rate(began: float) -> float:
    """Return how many of EACH there were per second."""
    return EACH / (time.perf_counter() - began)
