"""Raw transactions over HTTP: what is in one, as GigaWallet shows it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from app import money
from app.api import request_body, responses
from app.api.context import Context
from app.money import Koinu

router = APIRouter()

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
    """An input; of a coinbase all is empty but the sequence."""

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
    def of(cls, said: Mapping[str, Any]) -> "TransactionView":
        """Show what the node said, every field always there."""
        plain = {name: said[name] for name in ("txid", "hash", "size", "vsize", "version", "locktime")}
        return cls(**plain, vin=[_vin(one) for one in said["vin"]], vout=[_vout(one) for one in said["vout"]])


def _vin(said: Mapping[str, Any]) -> VinView:
    script = said.get("scriptSig", {})
    return VinView(
        txid=said.get("txid", ""),
        vout=said.get("vout", 0),
        scriptSig=ScriptSigView(asm=script.get("asm", ""), hex=script.get("hex", "")),
        txinwitness=said.get("txinwitness"),
        sequence=said["sequence"],
    )


def _vout(said: Mapping[str, Any]) -> VoutView:
    script = said["scriptPubKey"]
    shown = ScriptPubKeyView(
        asm=script["asm"],
        hex=script["hex"],
        reqSigs=script.get("reqSigs", 0),
        type=script["type"],
        addresses=script.get("addresses"),
    )
    return VoutView(value=_shown(said["value"]), n=said["n"], scriptPubKey=shown)


def _shown(value: Decimal | int) -> str:
    return money.show(Koinu(int(Decimal(value).scaleb(money.DOGE_DECIMALS))))


@router.post("/decode-txn", response_model=TransactionView, summary="Look into a raw transaction")
async def decode(
    raw: Annotated[RawTransaction, request_body.of(RawTransaction)], context: Context
) -> Response:
    """The node decodes it; nothing is sent, signed or kept."""
    return responses.show(TransactionView.of(await context.node_queries.decode(raw.hex)))
