"""The currencies of ISO 4217, and amounts of them as whole numbers of their smallest unit."""

from decimal import Decimal
from typing import Final

from app import money
from app.money import BadAmount

_TWO: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
    CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR
    IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN
    NAD NGN NIO NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN
    SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_OTHERS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS: Final = dict.fromkeys(_TWO.split(), 2) | {
    code: decimals for decimals, codes in _OTHERS.items() for code in codes.split()
}
"""How many decimals each currency has (ISO 4217, list one)."""
MOST: Final = 10**15
"""The largest amount of money in its smallest unit: it fits into a column whatever is done with it."""


class BadMoney(ValueError):
    """This is no amount of the currency; the message says why."""


def parse_money(value: str | int | Decimal, currency: str) -> int:
    """Read an amount of a currency, exactly as it is written, in its smallest unit; raises BadMoney.

    A JSON number with a fraction is a float of the caller's, and is rounded to the currency's decimals.
    """
    decimals = DECIMALS[currency]
    try:
        amount = money.parse(value, decimals)
    except BadAmount as wrong:
        raise BadMoney(str(wrong)) from None
    if abs(amount) > MOST:
        raise BadMoney(f"an amount is at most {show_money(MOST, currency)} {currency}")
    return amount


def show_money(amount: int, currency: str) -> str:
    """Return decimal text with all decimals of the currency: "19.90"."""
    decimals = DECIMALS[currency]
    sign, digits = "-" if amount < 0 else "", str(abs(amount)).zfill(decimals + 1)
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"
