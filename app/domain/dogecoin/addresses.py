"""Addresses and the output scripts they stand for."""

from typing import Final

from app.domain.dogecoin import base58, networks
from app.domain.dogecoin.networks import Network

_HASH_BYTES = 20
_WIF_BYTES = (32, 33)  # without and with the mark of a compressed public key
_OTHER_COINS = {0: "Bitcoin", 5: "Bitcoin", 48: "Litecoin", 50: "Litecoin"}


class BadAddress(ValueError):
    """The text is no address that can be paid on this network; the message is a sentence that says why."""


P2PKH_BYTES: Final = 25
"""How long the scripts of `p2pkh` are. All our addresses are of this kind; no other script can be one of ours."""


def p2pkh(key_hash: bytes) -> bytes:
    """Write the script that pays the owner of the key with this HASH160 (20 bytes)."""
    return b"\x76\xa9\x14" + _checked(key_hash) + b"\x88\xac"


def p2sh(script_hash: bytes) -> bytes:
    """Write the script that pays whoever knows and meets the script with this HASH160 (20 bytes)."""
    return b"\xa9\x14" + _checked(script_hash) + b"\x87"


def to_script(network: Network, address: str) -> bytes:
    """Return the output script that pays `address` on `network`; else raise `BadAddress`.

    Accepts what Core accepts: Base58Check of 20 bytes behind one of the network's two version bytes.
    """
    version, content = _decode(address)
    if version == network.p2pkh:
        return p2pkh(content)
    if version == network.p2sh:
        return p2sh(content)
    raise BadAddress(f"The address is of {_owner(version)}, not of Dogecoin's {network.name} network.")


def _decode(address: str) -> tuple[int, bytes]:
    """Return the version byte and the hash; BadAddress where there is none."""
    if not address:
        raise BadAddress("The address is empty.")
    payload = base58.base58_decode(address)
    if isinstance(payload, str):
        raise BadAddress(f"The address {payload}.")
    version, content = payload[0], payload[1:]
    if len(content) in _WIF_BYTES and version in {candidate.wif for candidate in networks.NETWORKS}:
        raise BadAddress("That is a private key, not an address: keep it to yourself.")
    if len(content) != _HASH_BYTES:
        raise BadAddress(f"The address stands for {len(content)} bytes; an address has {_HASH_BYTES}.")
    return version, content


def to_script_or_none(network: Network, address: str) -> bytes | None:
    """Return the output script that pays `address` on `network`; None where it is no such address."""
    try:
        return to_script(network, address)
    except BadAddress:
        return None


def to_address(network: Network, script: bytes) -> str | None:
    """Return the address that a P2PKH or P2SH `script` pays on `network`; None for every other script."""
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return base58.base58_encode(bytes([network.p2pkh]) + script[3:23])
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return base58.base58_encode(bytes([network.p2sh]) + script[2:22])
    return None


def _checked(digest: bytes) -> bytes:
    if len(digest) != _HASH_BYTES:
        raise ValueError(f"a HASH160 has {_HASH_BYTES} bytes, not {len(digest)}")
    return digest


def _owner(version: int) -> str:
    """Name the network or coin that uses this version byte, if it is known."""
    names = [
        candidate.name for candidate in networks.NETWORKS if version in (candidate.p2pkh, candidate.p2sh)
    ]
    if names:
        return f"Dogecoin's {' or '.join(names)} network"
    return _OTHER_COINS.get(version, "another coin")
