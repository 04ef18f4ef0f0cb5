"""Raw transactions over HTTP, decoded as GigaWallet shows them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from app import money
from app.api import request_body, responses
from app.api.access.guarded_route import GuardedRoute
from app.api.context import Context
from app.money import Koinu

router = APIRouter(route_class=GuardedRoute)

MAX_HEX: Final = 1_000_000


class RawTransaction(request_body.Body):
    """A transaction's bytes."""

    model_config = request_body.examples({"hex": "0100000001..."})

    hex: Annotated[str, Field(max_length=MAX_HEX)]


class ScriptSigView(responses.View):
    """What satisfies a spent output."""

    asm: str
    hex: str


class VinView(responses.View):
    """An input; that of a coinbase has only a sequence."""

    txid: str
    vout: int
    scriptSig: ScriptSigView  # noqa: N815  Core's name
    txinwitness: list[str] | None
    sequence: int


class ScriptPubKeyView(responses.View):
    """Who may spend an output."""

    asm: str
    hex: str
    reqSigs: int  # noqa: N815  Core's name
    type: str
    addresses: list[str] | None


class VoutView(responses.View):
    """An output; `value` in DOGE."""

    value: str
    n: int
    scriptPubKey: ScriptPubKeyView  # noqa: N815  Core's name


class TransactionView(responses.View):
    """A transaction as the node decodes it."""

    txid: str
    hash: str
    size: int
    vsize: int
    version: int
    locktime: int
    vin: list[VinView]
    vout: list[VoutView]

    @classmethod
    def of(cls, decoded: Mapping[str, Any]) -> "TransactionView":
        """Show what the node decoded; a field that the node leaves out is empty."""
        plain = {name: decoded[name] for name in ("txid", "hash", "size", "vsize", "version", "locktime")}
        return cls(**plain, vin=list(map(_vin, decoded["vin"])), vout=list(map(_vout, decoded["vout"])))


def _vin(decoded: Mapping[str, Any]) -> VinView:
    script = decoded.get("scriptSig", {})
    return VinView(
        txid=decoded.get("txid", ""),
        vout=decoded.get("vout", 0),
        scriptSig=ScriptSigView(asm=script.get("asm", ""), hex=script.get("hex", "")),
        txinwitness=decoded.get("txinwitness"),
        sequence=decoded["sequence"],
    )


def _vout(decoded: Mapping[str, Any]) -> VoutView:
    script = decoded["scriptPubKey"]
    shown = ScriptPubKeyView(
        asm=script["asm"],
        hex=script["hex"],
        reqSigs=script.get("reqSigs", 0),
        type=script["type"],
        addresses=script.get("addresses"),
    )
    return VoutView(value=_shown(decoded["value"]), n=decoded["n"], scriptPubKey=shown)


def _shown(value: Decimal | int) -> str:
    return money.show(Koinu(int(Decimal(value).scaleb(money.DOGE_DECIMALS))))


@router.post("/decode-txn", response_model=TransactionView, summary="Look into a raw transaction")
async def decode(
    raw: Annotated[RawTransaction, request_body.of(RawTransaction)], context: Context
) -> Response:
    """The node decodes it; nothing is sent, signed or stored."""
    return responses.show(TransactionView.of(await context.node_queries.decode(raw.hex)))
