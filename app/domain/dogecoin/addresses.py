"""Addresses and the output scripts they stand for."""

from app.domain.dogecoin import base58, networks
from app.domain.dogecoin.networks import Network

_HASH_BYTES = 20
_WIF_BYTES = (32, 33)  # without and with the mark of a compressed public key
_OTHER_CHAINS = {0: "Bitcoin", 5: "Bitcoin", 48: "Litecoin", 50: "Litecoin"}


class BadAddress(ValueError):
    """The text is no address that can be paid on this network; the message is a sentence that says why."""


def p2pkh(key_hash: bytes) -> bytes:
    """Script that pays whoever has the key with this HASH160 (20 bytes)."""
    return b"\x76\xa9\x14" + _checked(key_hash) + b"\x88\xac"


def p2sh(script_hash: bytes) -> bytes:
    """Script that pays whoever knows and meets the script with this HASH160 (20 bytes)."""
    return b"\xa9\x14" + _checked(script_hash) + b"\x87"


def of_address(network: Network, text: str) -> bytes:
    """Output script that pays the address `text` on `network`; else `BadAddress`.

    Accepts what Core accepts: Base58Check of 20 bytes behind one of the network's two version bytes.
    """
    payload = _payload(text)
    version, content = payload[0], payload[1:]
    if len(content) in _WIF_BYTES and version in {known.wif for known in networks.ALL}:
        raise BadAddress("That is a private key, not an address: keep it to yourself.")
    if len(content) != _HASH_BYTES:
        raise BadAddress(f"The address stands for {len(content)} bytes; an address has {_HASH_BYTES}.")
    if version == network.p2pkh:
        return p2pkh(content)
    if version == network.p2sh:
        return p2sh(content)
    raise BadAddress(f"The address is of {_home(version)}, not of Dogecoin's {network.name} network.")


def known(network: Network, text: str) -> bytes | None:
    """Output script that pays the address `text` on `network`; None where it is no such address."""
    try:
        return of_address(network, text)
    except BadAddress:
        return None


def to_address(network: Network, script: bytes) -> str | None:
    """Address that a P2PKH or P2SH `script` pays on `network`; None for every other script."""
    if len(script) == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return base58.encode(bytes([network.p2pkh]) + script[3:23])
    if len(script) == 23 and script[:2] == b"\xa9\x14" and script[22:] == b"\x87":
        return base58.encode(bytes([network.p2sh]) + script[2:22])
    return None


def _checked(digest: bytes) -> bytes:
    if len(digest) != _HASH_BYTES:
        raise ValueError(f"a HASH160 has {_HASH_BYTES} bytes, not {len(digest)}")
    return digest


def _payload(text: str) -> bytes:
    if not text:
        raise BadAddress("The address is empty.")
    found = base58.decode(text)
    if isinstance(found, str):
        raise BadAddress(f"The address {found}.")
    return found


def _home(version: int) -> str:
    """Name the network that uses this version byte, as far as it can be told."""
    names = [known.name for known in networks.ALL if version in (known.p2pkh, known.p2sh)]
    if names:
        return f"Dogecoin's {' or '.join(names)} network"
    return _OTHER_CHAINS.get(version, "another coin")
