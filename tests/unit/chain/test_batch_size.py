"""How many blocks a transaction connects: more while they are quick, fewer after one that was slow or given up."""

from app.chain.batch_size import BATCH, LARGEST, TRANSACTION_SECONDS, BatchSize

QUICK = TRANSACTION_SECONDS / 100


def test_quick_batches_double_up_to_the_largest() -> None:
    size = BatchSize()

    sizes = [(size := size.after(size.blocks, QUICK)).blocks for _ in range(5)]

    assert sizes == [2 * BATCH, 4 * BATCH, 8 * BATCH, LARGEST, LARGEST]


def test_a_single_block_at_the_tip_leaves_the_size_as_it_was() -> None:
    assert BatchSize(400).after(1, QUICK).blocks == 400


def test_after_a_slow_batch_come_as_many_blocks_as_fit_into_the_time() -> None:
    assert BatchSize(800).after(800, 4 * TRANSACTION_SECONDS).blocks == 200
    assert BatchSize(400).after(400, 60).blocks == BATCH
    assert BatchSize(50).after(50, 60).blocks == 50


def test_what_the_database_gave_up_comes_in_halves_and_grows_slowly_towards_that_size() -> None:
    halved = BatchSize(400).given_up(400)

    sizes = [halved.blocks, (again := halved.given_up(halved.blocks)).blocks]
    grown = again.after(100, QUICK)

    assert sizes == [200, 100]
    assert grown.blocks == 113
    assert BatchSize(1).given_up(1).blocks == 1
