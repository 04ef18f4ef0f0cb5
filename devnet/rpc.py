"""JSON-RPC: a request's bytes in, status and bytes out, as in Core's `httprpc.cpp` and `rpc/server.cpp`."""

import base64
import hmac
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, Final

from devnet import json_text
from devnet.methods import blockchain, call, control, faucet, transactions
from devnet.methods.call import Arguments, Method, RpcError
from devnet.node import Node

OK, BAD_REQUEST, NOT_FOUND, FAILED = 200, 400, 404, 500
_STATUS: Final = {call.INVALID_REQUEST: BAD_REQUEST, call.NO_METHOD: NOT_FOUND}


def _methods(modules: Iterable[ModuleType]) -> dict[str, Method]:
    methods = [value for module in modules for value in vars(module).values() if isinstance(value, Method)]
    return {method.name: method for method in methods}


METHODS: Final[Mapping[str, Method]] = _methods((blockchain, control, faucet, transactions))


def is_authorised(header: str, user: str, password: str) -> bool:
    """Check an Authorization header, in constant time."""
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return hmac.compare_digest(header.encode("utf-8", "surrogateescape"), expected.encode())


def answer(node: Node, body: bytes) -> tuple[int, bytes]:
    """Answer one request or a batch of them: HTTP status and body."""
    try:
        request = json_text.read(body)
    except json_text.Malformed:
        return FAILED, _text(_reply(error=RpcError(call.PARSE, "Parse error")))
    if isinstance(request, list):
        return OK, _text([_single(node, entry)[1] for entry in request])
    if not isinstance(request, dict):
        return FAILED, _text(_reply(error=RpcError(call.PARSE, "Top-level object parse error")))
    status, reply = _single(node, request)
    return status, _text(reply)


def _single(node: Node, request: object) -> tuple[int, dict[str, object]]:
    identity = request.get("id") if isinstance(request, dict) else None
    if not isinstance(identity, str | int | None):
        identity = None
    try:
        return OK, _reply(result=_call(node, request), identity=identity)
    except RpcError as error:
        return _STATUS.get(error.code, FAILED), _reply(error=error, identity=identity)


def _call(node: Node, request: object) -> object:
    if not isinstance(request, dict):
        raise RpcError(call.INVALID_REQUEST, "Invalid Request object")
    name = request.get("method")
    if name is None:
        raise RpcError(call.INVALID_REQUEST, "Missing method")
    if not isinstance(name, str):
        raise RpcError(call.INVALID_REQUEST, "Method must be a string")
    params = request.get("params")
    if params is not None and not isinstance(params, list | dict):
        raise RpcError(call.INVALID_REQUEST, "Params must be an array or object")
    if node.warming_up:
        raise RpcError(call.WARMING_UP, node.warming_up)
    method = METHODS.get(name)
    if name == "help":
        return "\n".join(sorted(entry.usage for entry in METHODS.values()))
    if method is None:
        raise RpcError(call.NO_METHOD, "Method not found")
    return method.call(node, _positional(method, params or []))


def _positional(method: Method, params: list[Any] | dict[str, Any]) -> Arguments:
    """Put named arguments in their order."""
    if isinstance(params, list):
        return params
    unknown = next((name for name in params if name not in method.arguments), None)
    if unknown is not None:
        raise RpcError(call.PARAMETER, f"Unknown named parameter {unknown[:100]}")
    arguments = [params.get(name) for name in method.arguments]
    while arguments and arguments[-1] is None:
        arguments.pop()
    return arguments


def _reply(
    result: object = None, error: RpcError | None = None, identity: object = None
) -> dict[str, object]:
    failure = {"code": error.code, "message": error.message} if error else None
    return {"result": result, "error": failure, "id": identity}


def _text(reply: object) -> bytes:
    return json_text.write(reply).encode("utf-8", "surrogatepass") + b"\n"
