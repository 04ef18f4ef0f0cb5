"""What an amount of DOGE was worth in money, as answers show it."""

from app.api import fields, responses


class FiatView(responses.View):
    """What the amount was worth `at` that time, when a DOGE was worth `rate` of the `currency`."""

    currency: str
    value: fields.AmountOut
    rate: fields.AmountOut
    at: responses.Time
