"""Inputs signed per second, beside coincurve that only signs and verifies as many hashes."""

import time
from statistics import median

import coincurve

from app.chain import signing, wire
from app.domain import dogecoin
from app.money import COIN
from bench.figures import Figure, Terms, of_rounds
from bench.programs import Testbed

ROUNDS = 5
INPUTS = 670  # what fits into one transaction
SMALL = 2
KEYS = [coincurve.PrivateKey(number.to_bytes(32, "big")) for number in range(1, INPUTS + 1)]


async def measure(_: Testbed) -> list[Figure]:
    """Measure in turn the largest transaction, its hashes by coincurve alone, and small transactions."""
    spent = [dogecoin.p2pkh(dogecoin.hash160(key.public_key.format())) for key in KEYS]
    hashes = [dogecoin.hash256(script) for script in spent]
    large, small, alone = [], [], []
    for _round in range(ROUNDS):
        alone.append(_alone(hashes))
        large.append(_rate(spent))
        small.append(median(_rate(spent[:SMALL]) for _ in range(100)))
    return [
        of_rounds(Terms("signing", "inputs/s", 0.5), large, alone),
        of_rounds(Terms("signing_small", "inputs/s", 0.5), small, alone),
    ]


def _rate(spent: list[bytes]) -> float:
    built = signing.build(
        [(bytes(32), index) for index in range(len(spent))], [wire.Output(COIN, spent[0])] * 2
    )
    began = time.perf_counter()
    signing.sign(built, spent, KEYS.__getitem__)
    return len(spent) / (time.perf_counter() - began)


def _alone(hashes: list[bytes]) -> float:
    began = time.perf_counter()
    for key, digest in zip(KEYS, hashes, strict=True):
        key.public_key.verify(key.sign(digest, hasher=None), digest, hasher=None)
    return len(hashes) / (time.perf_counter() - began)
