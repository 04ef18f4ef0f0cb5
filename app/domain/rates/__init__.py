"""Prices in money: what a DOGE is worth in a currency, as configured sources say, and what follows from that."""

from app.domain.rates.currencies import DECIMALS, MOST, BadMoney, parse_money, show_money
from app.domain.rates.listing import ListedRate, RateCursor, page
from app.domain.rates.quote import COLUMNS, Quote, columns_of, quote_in, quote_of, shown, worth_shown
from app.domain.rates.quotes import IS_VALUED, NoRate, UnknownCurrency, in_currencies, of_now, of_times
from app.domain.rates.recording import Rate, configure, delete_old, pair_of, record
