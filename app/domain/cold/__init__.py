"""Cold storage: what the hot wallet has above its ceiling goes there, and money comes back from there."""

from app.domain.cold.events import events, returned, sent
from app.domain.cold.hot_wallet import HOT_KOINU, stored
from app.domain.cold.returning import GIVE_ADDRESS, give
from app.domain.cold.sweeping import ColdTerms, is_due, sweep, switch_off, switch_on
from app.domain.cold.target import BadTarget, Target
