"""Facts of the coin: networks, addresses and their scripts, outpoints, and derived keys. No SQL."""

from app.domain.dogecoin.addresses import (
    P2PKH_BYTES,
    BadAddress,
    p2pkh,
    p2sh,
    to_address,
    to_script,
    to_script_or_none,
)
from app.domain.dogecoin.base58 import base58_decode, base58_encode, hash160, hash256
from app.domain.dogecoin.hd_keys import (
    CHANGE,
    CURVE_ORDER,
    HARDENED,
    RECEIVE,
    BadExtendedKey,
    ExtendedKey,
    InvalidChild,
    address_key,
    child_key,
    next_script,
    parse_xpub,
    script_at,
    write_xpub,
)
from app.domain.dogecoin.networks import (
    MAIN,
    NETWORKS,
    REGTEST,
    TEST,
    Network,
    UnknownNetwork,
    network_by_name,
)
from app.domain.dogecoin.outpoint import Outpoint, UnspentOutput
