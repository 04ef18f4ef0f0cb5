"""Whatever the API's own description allows, and what it does not, is asked for: each answer is one that is described."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.end_to_end.program import Program, running
from tests.end_to_end.shop import Shop, answered

ALLOWED, NOT_ALLOWED = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
KEYED: Final = {"asset": "gold", "amount": "1"}
ENDLESS: Final = {"/events/stream", "/invoice/{invoice_id}/events"}
CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

SUCCEED: Final = {
    "admin": {
        "POST /account/{foreign_id}",
        "GET /account/{foreign_id}",
        "GET /account/{foreign_id}/invoices",
        "GET /account/{foreign_id}/invoice/{invoice_id}",
        "GET /account/{foreign_id}/history",
        "GET /account/{foreign_id}/holds",
        "GET /hold/{id}",
        "GET /escrow/{id}",
        "GET /transfers/{id}",
        "GET /webhooks/{webhook_id}",
        "GET /events",
        "GET /audit",
    },
    "public": {
        "GET /invoice/{invoice_id}",
        "GET /invoice/{invoice_id}/status",
        "GET /invoice/{invoice_id}/poll",
        "GET /invoice/{invoice_id}/qr.png",
        "GET /invoice/{invoice_id}/qr.svg",
        "GET /address/{address}/qr.png",
        "GET /health",
    },
}
"""What must have been answered at least once, or the descriptions were held against refusals only."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, dict[str, Any]]]:
    """A program that nobody pays at, and what there is in it, by the names that paths have for it."""
    home = tmp_path_factory.mktemp("described")
    with running(Program(home, KENNEL_PAY_WAIT_SECONDS="0", KENNEL_WEBHOOK_ALLOW_PRIVATE="false")) as program:
        shop = Shop(program, "shop").open()
        invoice = shop.invoice(metadata={"cart": 7.25})["id"]
        keys = iter(range(100))

        def post(path: str, **body: Any) -> Any:
            return answered(
                program.admin.post(path, json=body, headers={"Idempotency-Key": f"made {next(keys)}"})
            )

        post("/assets", code="gold", name="Gold", decimals=2)
        post("/account/buyer", opening={"gold": "100"})
        post("/account/shop/transact", type="TOPUP", **KEYED)
        post("/account/shop/hold", **KEYED)
        post("/escrow", order_id="order 1", buyer="buyer", seller="shop", metadata={"far": 1.5}, **KEYED)
        post("/transfers", **{"from": "buyer", "to": "shop", **KEYED})
        address = post("/account/shop/address")["address"]
        webhook = post("/webhooks", url="https://shop.example/", types=["SYS"])["id"]
        known = {"foreign_id": "shop", "invoice_id": invoice, "address": address, "webhook_id": webhook}
        yield (
            program,
            known
            | {"id": 1, "payment_id": 1, "key_id": 1, "link_id": "none", "delivery_id": 1, "blockheight": 1},
        )


def ways(operation: Any, known: dict[str, Any]) -> Iterator[tuple[SearchStrategy[Any], int]]:
    """How an operation is asked, and how often: of what there is, of whatever is allowed, and of what is not."""
    names = [parameter.name for parameter in operation.path_parameters]
    path = {name: known[name] for name in names}
    yield operation.as_strategy(ALLOWED, path_parameters=path or None), 6
    if operation.path_parameters or operation.query or operation.headers or operation.body:
        yield operation.as_strategy(ALLOWED), 2
        yield operation.as_strategy(NOT_ALLOWED), 4


def asked(strategy: SearchStrategy[Any], times: int, ask: Callable[[Any], None]) -> None:
    """Ask so many times, the same in every run."""
    chosen = settings(
        max_examples=times,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    chosen(given(strategy)(ask))()


@pytest.mark.parametrize("face", ["admin", "public"])
def test_every_answer_is_one_that_is_described(made: tuple[Program, dict[str, Any]], face: str) -> None:
    program, known = made
    client = getattr(program, face)
    described: Any = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    answers: Counter[tuple[str, int]] = Counter()

    for operation in (result.ok() for result in described.get_all_operations()):
        if operation.path in ENDLESS:
            continue

        def ask(case: Any) -> None:
            response = case.call(base_url=str(client.base_url))
            answers[case.operation.label, response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        for strategy, times in ways(operation, known):
            asked(strategy, times, ask)

    assert program.admin.get("/ready").status_code == 200
    assert {label for label, status in answers if status == 200} >= SUCCEED[face]
