"""Where cold storage is: one address, or the extended public key of a wallet whose addresses are used in turn."""

from dataclasses import dataclass

from app.domain import dogecoin
from app.domain.dogecoin import BadAddress, BadExtendedKey, Network


class BadTarget(ValueError):
    """The text is neither; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address, or with `is_key` an extended public key (BIP32), whose addresses are those of its branch 0."""

    network: Network
    text: str
    is_key: bool

    @classmethod
    def of(cls, network: Network, text: str) -> "Target":
        """Read what the operator has set. Raises BadTarget, also for what is of another network."""
        if dogecoin.to_script_or_none(network, text) is not None:
            return cls(network, text, is_key=False)
        try:
            key = dogecoin.parse_xpub(text)
        except BadExtendedKey as error:
            raise BadTarget(_reason(network, text, error)) from None
        if dogecoin.write_xpub(network, key) != text:
            raise BadTarget(f"The extended key is not of the network {network.name}.")
        return cls(network, text, is_key=True)

    def script_from(self, index: int) -> tuple[int, bytes]:
        """Return the next script that is to be paid, and its index, which is `index` or a little more."""
        if self.is_key:
            return dogecoin.next_script(self.text, dogecoin.RECEIVE, index)
        return index, dogecoin.to_script(self.network, self.text)


def _reason(network: Network, text: str, error: BadExtendedKey) -> str:
    """Speak of a key where the text is as long as one, and else of an address."""
    if len(text) > 90:
        return str(error)
    try:
        dogecoin.to_script(network, text)
    except BadAddress as wrong:
        return str(wrong)
    raise AssertionError(text)  # the caller has tried
