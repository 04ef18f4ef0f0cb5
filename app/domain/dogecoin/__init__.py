"""Facts of the coin: networks, addresses and their scripts, outpoints, and keys derived from other keys. No SQL."""

from app.domain.dogecoin.addresses import BadAddress, known, of_address, p2pkh, p2sh, to_address
from app.domain.dogecoin.base58 import decode, encode, hash160
from app.domain.dogecoin.hd_keys import (
    CHANGE,
    CURVE_ORDER,
    HARDENED,
    RECEIVE,
    BadExtendedKey,
    ExtendedKey,
    InvalidChild,
    address_key,
    child,
    next_script,
    parse,
    script_at,
    serialise,
)
from app.domain.dogecoin.networks import ALL, MAIN, REGTEST, TEST, Network, UnknownNetwork, by_name
from app.domain.dogecoin.outpoint import Outpoint

__all__ = [
    "ALL",
    "CHANGE",
    "CURVE_ORDER",
    "HARDENED",
    "MAIN",
    "RECEIVE",
    "REGTEST",
    "TEST",
    "BadAddress",
    "BadExtendedKey",
    "ExtendedKey",
    "InvalidChild",
    "Network",
    "Outpoint",
    "UnknownNetwork",
    "address_key",
    "by_name",
    "child",
    "decode",
    "encode",
    "hash160",
    "known",
    "next_script",
    "of_address",
    "p2pkh",
    "p2sh",
    "parse",
    "script_at",
    "serialise",
    "to_address",
]
