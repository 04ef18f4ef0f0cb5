"""The chain as the ledger has it, and what waits for a block."""

from typing import Final

import sqlalchemy as sa

from app.domain.monitoring.section import COUNTED, Section

CHAIN: Final = Section(
    "chain",
    sa.text("""
        SELECT chain_state.height AS chain_height,
            extract(epoch FROM clock_timestamp()) - blocks.time AS chain_tip_age_seconds,
            CASE WHEN reorg_top IS NULL THEN 0 ELSE reorg_top - chain_state.height END AS chain_reorg_blocks,
            CASE WHEN rescan_height IS NULL THEN 0 ELSE chain_state.height - rescan_height END AS chain_rescan_blocks
        FROM chain_state LEFT JOIN blocks ON blocks.height = chain_state.height
    """),
    {
        "chain_height": "The height of the last block that the ledger has connected.",
        "chain_tip_age_seconds": "How long ago that block was made, by its own time.",
        "chain_reorg_blocks": "How many blocks are missing to the height before a reorg that is going on.",
        "chain_rescan_blocks": "How many blocks a rescan has still to read.",
    },
)

MEMPOOL: Final = Section(
    "mempool",
    sa.text(f"""
        SELECT count(*) AS mempool_payments, coalesce(sum(amount), 0) AS mempool_koinu,
            coalesce(extract(epoch FROM clock_timestamp() - min(created)), 0) AS mempool_oldest_seconds
        FROM (SELECT amount, created FROM sightings WHERE state = 'seen' LIMIT {COUNTED}) AS seen
    """),  # noqa: S608  a constant
    {
        "mempool_payments": "How many outputs to our addresses wait for a block.",
        "mempool_koinu": "How much they bring.",
        "mempool_oldest_seconds": "For how long the oldest of them has been seen.",
    },
)
