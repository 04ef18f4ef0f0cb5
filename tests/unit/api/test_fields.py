import time

import httpx
import pytest


async def total(client: httpx.AsyncClient, value: str) -> str:
    answer = await client.post("/sum", content=f'{{"items":[{{"value":{value},"quantity":1}}]}}')
    return str(answer.json()["total"]) if answer.status_code == 200 else f"{answer.status_code} {answer.text}"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ('"10"', "10"),
        ("10", "10"),
        ("10.5", "10.5"),
        ("1e2", "100"),
        ('"1e2"', "100"),
        ('"24.89774000"', "24.89774"),
        ('"0.00000001"', "0.00000001"),
        ("0.6809999999999999", "0.681"),
        ("12.340000000000001", "12.34"),
        ("667.84592757483", "667.84592757"),
        ("0.3333333333333333", "0.33333333"),
        ("0.000000015", "0.00000002"),
        ("1.0e-9", "0"),
        ("1e-999999", "0"),
        ("-0.0", "0"),
        ("-5", "-5"),
        ('"10000000000"', "10000000000"),
        ("-10000000000", "-10000000000"),
        ("0", "0"),
    ],
)
async def test_an_amount_is_read_exactly_from_a_string_or_a_number(
    client: httpx.AsyncClient, amount: str, shown: str
) -> None:
    assert await total(client, amount) == shown


@pytest.mark.parametrize(
    "amount",
    [
        '""',
        '" 1"',
        '"1,5"',
        '"0x10"',
        '"NaN"',
        '"Infinity"',
        '"1_000"',
        '"٣"',
        '"1.2.3"',
        '"--1"',
        "true",
        "{}",
        "[1]",
        '"0.000000001"',
        '"12.340000000000001"',
        '"10000000000.00000001"',
        "10000000001",
        "1e30",
        '"1e30"',
        "1e999999",
        '"1e999999"',
        "-1e999999",
        "1e400",
        '"1e-999999"',
        "9" * 4000,
        '"' + "9" * 4000 + '"',
    ],
)
async def test_what_is_no_amount_is_refused_by_name_and_at_once(
    client: httpx.AsyncClient, amount: str
) -> None:
    began = time.perf_counter()

    answer = await total(client, amount)

    assert answer.startswith(
        '400 {"error":{"code":"bad-request","message":"items.0.value is wrong: an amount'
    )
    assert '"field":"items.0.value"' in answer
    assert time.perf_counter() - began < 1
