"""Methods of the faucet's wallet."""

from typing import Final

from app.chain import header
from app.chain.wire import Output
from app.domain import dogecoin
from app.money import DUST
from devnet import script, wallet
from devnet.json_text import Amount
from devnet.methods import call, transactions
from devnet.methods.call import Arguments, RpcError
from devnet.node import Node
from devnet.shapes import Shape

NOBODY: Final = dogecoin.p2sh(bytes(20))
FILLING_OUTPUTS: Final = 2_500  # 80,000 bytes: a second one that builds on it would be too much


@call.method('getnewaddress ( "account" )', "Returns a new address.")
def getnewaddress(node: Node, arguments: Arguments) -> str:
    """Return an address of the wallet that was never given out."""
    call.text(arguments[0], "")
    return node.wallet.new_address()


@call.method('getbalance ( "account" minconf )', "Returns what can be spent.")
def getbalance(node: Node, arguments: Arguments) -> Amount:
    """Return the sum of the wallet's mature coins and of its own change."""
    call.text(arguments[0], "*")
    return Amount(node.wallet.balance(call.integer(arguments[1], 1)))


@call.method(
    'getreceivedbyaddress "address" ( minconf )', "Returns what an address of the wallet ever received."
)
def getreceivedbyaddress(node: Node, arguments: Arguments) -> Amount:
    """Return the sum of all that an address received, without mined coins."""
    output_script = call.script_of(arguments[0], "Invalid Dogecoin address")
    return Amount(node.wallet.received(output_script, call.integer(arguments[1], 1)))


@call.method(
    'sendtoaddress "address" amount ( "comment" "comment_to" subtractfeefromamount )', "Pays an address."
)
def sendtoaddress(node: Node, arguments: Arguments) -> str:
    """Pay one address; return the txid."""
    output_script = call.script_of(arguments[0], "Invalid Dogecoin address")
    value = call.amount(arguments[1])
    if value <= 0:
        raise RpcError(call.TYPE, "Invalid amount for send")
    if call.boolean(arguments[4], default=False):
        raise RpcError(call.MISC, "subtractfeefromamount is not supported here")
    return _send(node, [Output(value, output_script)])


@call.method(
    'sendmany "fromaccount" {"address":amount,...} ( minconf "comment" )', "Pays many addresses at once."
)
def sendmany(node: Node, arguments: Arguments) -> str:
    """Pay several addresses with one transaction; return the txid."""
    call.text(arguments[0])
    if not isinstance(arguments[1], dict):
        raise RpcError(call.MISC, "JSON value is not an object as expected")
    outputs = [
        Output(call.amount(value), call.script_of(name, f"Invalid Dogecoin address: {name[:100]}"))
        for name, value in arguments[1].items()
    ]
    if not outputs or any(output.value <= 0 for output in outputs):
        raise RpcError(call.TYPE, "Invalid amount for send")
    return _send(node, outputs)


@call.method('dumpprivkey "address"', "Returns the private key of an address of the wallet.")
def dumpprivkey(node: Node, arguments: Arguments) -> str:
    """Return a private key as text; error -4 if the wallet does not have it."""
    key = node.wallet.key(call.script_of(arguments[0], "Invalid Dogecoin address"))
    if key is None:
        raise RpcError(call.WALLET, f"Private key for address {arguments[0]} is not known")
    return wallet.write_wif(key)


@call.method('importprivkey "privkey" ( "label" rescan )', "Adds a private key to the wallet.")
def importprivkey(node: Node, arguments: Arguments) -> None:
    """Add a key, and the coins that it has now."""
    try:
        node.wallet.import_key(call.text(arguments[0]))
    except ValueError:
        raise RpcError(call.ADDRESS, "Invalid private key encoding") from None


@call.method(
    'validateaddress "address"', "Says whether an address can be paid, and what the wallet knows of it."
)
def validateaddress(node: Node, arguments: Arguments) -> Shape:
    """Show what is known of an address; only `isvalid` if it is none of regtest."""
    try:
        output_script = dogecoin.to_script(dogecoin.REGTEST, call.text(arguments[0]))
    except dogecoin.BadAddress:
        return {"isvalid": False}
    origin = node.wallet.origins.get(output_script)
    known: Shape = {
        "isvalid": True,
        "address": arguments[0],
        "scriptPubKey": output_script.hex(),
        "ismine": origin is not None,
    }
    known = {**known, "iswatchonly": False, "isscript": script.classify(output_script).name == "scripthash"}
    if origin is None:
        return known
    public = origin.key.public
    known = {
        **known,
        "pubkey": public.hex(),
        "iscompressed": len(public) == 33,
        "account": "",
        "timestamp": node.chain.active[0].header.time,
    }
    if origin.path is None:
        return known
    return {**known, "hdkeypath": origin.path, "hdmasterkeyid": node.wallet.master_id}


@call.method("fillmempool feerate", "Fills the mempool with payments at this rate a kB; this node only.")
def fillmempool(node: Node, arguments: Arguments) -> list[str]:
    """Pay nobody until the mempool is full of this rate; return the txids.

    The more room there is, the more coins that takes.
    """
    rate = call.amount(arguments[0])
    txids: list[str] = []
    while node.mempool.min_rate(node.clock.now()) < rate:
        try:
            txids.append(_send(node, [Output(DUST, NOBODY)] * FILLING_OUTPUTS, rate))
        except RpcError:  # the last one itself paid least
            if node.mempool.min_rate(node.clock.now()) < rate:
                raise
    return txids


def _send(node: Node, outputs: list[Output], rate: int = wallet.FEE_PER_KB) -> str:
    """Pay from the wallet, at least what the mempool takes; a refusal has the words of Core's wallet."""
    rate = max(rate, node.mempool.min_rate(node.clock.now()))
    try:
        payment = node.wallet.pay(outputs, rate)
    except wallet.InsufficientFunds:
        raise RpcError(call.FUNDS, "Insufficient funds") from None
    transactions.submit(node, payment, None)
    return header.display(payment.txid)
