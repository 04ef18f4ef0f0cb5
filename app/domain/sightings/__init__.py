"""Payments that are seen before a block has them: found in the mempool, told, and ended. They move no money."""

from app.domain.sightings.acceptance import MempoolEntry, accept
from app.domain.sightings.block_effects import ANY, SightingEffects, of_blocks
from app.domain.sightings.block_effects import write as write_effects
from app.domain.sightings.matching import SPENT, double_spends, find, last_end, seen
from app.domain.sightings.recording import double_spent, dropped, record
from app.domain.sightings.sighting import Sighting, WaitingOutput, WaitingTransaction, sighting_event
