"""Methods that make, sign, send and show raw transactions."""

from collections.abc import Callable
from typing import Any

from app.chain import header, wire
from app.chain.wire import Input, Output, Transaction
from devnet import script, shapes, signatures, validation, wallet
from devnet.methods import call
from devnet.methods.call import Arguments, RpcError
from devnet.node import Node
from devnet.shapes import Shape
from devnet.signatures import Key

MAX_PARTS = 10_000  # inputs or outputs in one call


@call.method(
    'createrawtransaction [{"txid":"id","vout":n},...] {"address":amount,"data":"hex",...} ( locktime )',
    "Makes a transaction that is not signed.",
)
def createrawtransaction(node: Node, arguments: Arguments) -> str:
    """Write a transaction of these inputs and outputs, unsigned, in hexadecimal."""
    call.expect(arguments, list, dict, int)
    lock_time = arguments[2] or 0
    if not isinstance(lock_time, int) or not 0 <= lock_time < 2**32:
        raise RpcError(call.PARAMETER, "Invalid parameter, locktime out of range")
    if max(len(arguments[0]), len(arguments[1])) > MAX_PARTS:
        raise RpcError(call.PARAMETER, "Invalid parameter, too many inputs or outputs")
    inputs = [_input(entry, 0xFFFFFFFE if lock_time else 0xFFFFFFFF) for entry in arguments[0]]
    outputs = [_output(name, value) for name, value in arguments[1].items()]
    return wire.assemble(inputs, outputs, lock_time=lock_time).raw.hex()


@call.method('decoderawtransaction "hexstring"', "Shows a transaction.")
def decoderawtransaction(node: Node, arguments: Arguments) -> Shape:
    """Show the transaction in these bytes."""
    call.expect(arguments, str)
    return shapes.transaction(call.transaction(arguments[0]))


@call.method(
    'getrawtransaction "txid" ( verbose )',
    "Shows a transaction that waits, or one of whose outputs is not spent.",
)
def getrawtransaction(node: Node, arguments: Arguments) -> object:
    """Show a transaction, as far as a node can without an index of transactions."""
    txid, verbose = call.hash_of(arguments[0], "parameter 1"), call.flag(arguments[1])
    waiting = node.mempool.entries.get(txid)
    if waiting is not None:
        return _shape(waiting.transaction, {}) if verbose else waiting.transaction.raw.hex()
    coins = node.chain.coins.get(txid)
    if coins is None:
        raise RpcError(
            call.ADDRESS,
            "No such mempool transaction. Use -txindex to enable blockchain transaction queries. "
            "Use gettransaction for wallet transactions.",
        )
    entry = node.chain.active[coins.height]
    mined = next(
        transaction for transaction in node.chain.block(entry).transactions if transaction.txid == txid
    )
    if not verbose:
        return mined.raw.hex()
    position: Shape = {
        "blockhash": header.display(entry.header.hash),
        "confirmations": node.chain.height - entry.height + 1,
    }
    return _shape(mined, {**position, "time": entry.header.time, "blocktime": entry.header.time})


@call.method(
    'signrawtransaction "hexstring" ( [{"txid":"id","vout":n,"scriptPubKey":"hex"},...] '
    '["privatekey",...] sighashtype )',
    "Signs what it can of a transaction.",
)
def signrawtransaction(node: Node, arguments: Arguments) -> Shape:
    """Sign with the wallet's keys, or only with those in the call; say whether all is signed."""
    call.expect(arguments, str, list, list, str)
    transaction = call.transaction(arguments[0])
    scripts = _scripts(arguments[1] or [])
    keys = node.wallet.key if arguments[2] is None else _keys(arguments[2])
    kind = call.text(arguments[3], "ALL")
    if kind not in signatures.HASH_TYPES:
        raise RpcError(call.PARAMETER, "Invalid sighash param")
    errors = []
    for index, spent in enumerate(transaction.inputs):
        output_script = scripts.get((spent.txid, spent.vout)) or _script_at(node, spent)
        transaction = _signed(transaction, index, output_script, keys, signatures.HASH_TYPES[kind])
        reason = _reason(transaction, index, output_script)
        if reason is not None:
            errors.append(_error(transaction.inputs[index], reason))
    shape: Shape = {"hex": transaction.raw.hex(), "complete": not errors}
    return {**shape, "errors": errors} if errors else shape


@call.method('sendrawtransaction "hexstring" ( allowhighfees )', "Takes a transaction into the mempool.")
def sendrawtransaction(node: Node, arguments: Arguments) -> str:
    """Send a transaction. One that waits already is no error; one that was mined is error -27."""
    call.expect(arguments, str, bool)
    transaction = call.transaction(arguments[0])
    if transaction.txid not in node.mempool.entries:
        if transaction.txid in node.chain.coins:
            raise RpcError(call.IN_CHAIN, "transaction already in block chain")
        submit(node, transaction, None if arguments[1] else validation.MAX_FEE)
    return header.display(transaction.txid)


def submit(node: Node, transaction: Transaction, max_fee: int | None) -> None:
    """Take a transaction into the mempool; a refusal becomes an error of the RPC."""
    try:
        node.submit(transaction, max_fee)
    except validation.Refused as refused:
        raise RpcError(call.REJECTED, str(refused)) from None
    except validation.MissingInputs:
        raise RpcError(call.VERIFY, "Missing inputs") from None


def _input(entry: Any, sequence: int) -> Input:
    if not isinstance(entry, dict):
        raise RpcError(call.MISC, "JSON value is not an object as expected")
    txid = call.hash_of(entry.get("txid"), "txid")
    vout, sequence = entry.get("vout"), entry.get("sequence", sequence)
    if isinstance(vout, bool) or not isinstance(vout, int):
        raise RpcError(call.PARAMETER, "Invalid parameter, missing vout key")
    if not 0 <= vout < 2**31:
        raise RpcError(call.PARAMETER, "Invalid parameter, vout must be positive")
    if isinstance(sequence, bool) or not isinstance(sequence, int) or not 0 <= sequence < 2**32:
        raise RpcError(call.PARAMETER, "Invalid parameter, sequence number is out of range")
    return Input(txid, vout, b"", sequence)


def _output(name: str, value: object) -> Output:
    if name != "data":
        return Output(call.amount(value), call.script_of(name, f"Invalid Dogecoin address: {name[:100]}"))
    try:
        content = bytes.fromhex(call.text(value))
    except ValueError:
        raise RpcError(call.PARAMETER, "Data must be hexadecimal string") from None
    if len(content) > 255:
        raise RpcError(call.PARAMETER, "Data is longer than 255 bytes")
    return Output(0, bytes((script.OP_RETURN,)) + script.push(content))


def _shape(transaction: Transaction, position: Shape) -> Shape:
    return {"hex": transaction.raw.hex(), **shapes.transaction(transaction), **position}


def _scripts(entries: list[Any]) -> dict[tuple[bytes, int], bytes]:
    scripts = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise RpcError(call.DECODE, 'expected object with {"txid\'","vout","scriptPubKey"}')
        try:
            output_script = bytes.fromhex(call.text(entry.get("scriptPubKey")))
        except ValueError:
            raise RpcError(call.PARAMETER, "scriptPubKey must be hexadecimal string") from None
        scripts[call.hash_of(entry.get("txid"), "txid"), call.integer(entry.get("vout"))] = output_script
    return scripts


def _keys(wifs: list[Any]) -> Callable[[bytes], Key | None]:
    keys = {}
    for wif in wifs:
        try:
            secret, compressed = wallet.read_wif(call.text(wif))
            key = Key.of(secret, compressed=compressed)
        except ValueError:
            raise RpcError(call.ADDRESS, "Invalid private key") from None
        keys[key.script] = key
    return keys.get


def _script_at(node: Node, spent: Input) -> bytes | None:
    coins = node.rules.find(spent.txid)
    output = coins.outputs.get(spent.vout) if coins else None
    return output.script if output else None


def _signed(
    transaction: Transaction,
    index: int,
    output_script: bytes | None,
    keys: Callable[[bytes], Key | None],
    hash_type: int,
) -> Transaction:
    """Sign one input if there is a key for it, and no good signature yet."""
    key = keys(output_script) if output_script else None
    if key is None or (
        output_script
        and transaction.inputs[index].script
        and not signatures.fault(transaction, index, output_script)
    ):
        return transaction
    return signatures.sign(transaction, index, key, hash_type)


def _reason(transaction: Transaction, index: int, output_script: bytes | None) -> str | None:
    if output_script is None:
        return "Input not found or already spent"
    if script.classify(output_script).name != "pubkeyhash":
        return signatures.EMPTY_STACK.reason
    fault = signatures.fault(transaction, index, output_script)
    return fault.reason if fault else None


def _error(spent: Input, reason: str) -> Shape:
    shape: Shape = {"txid": header.display(spent.txid), "vout": spent.vout, "scriptSig": spent.script.hex()}
    return {**shape, "sequence": spent.sequence, "error": reason}
