"""What the node's answers to our transactions mean, and what the sender makes of each."""

import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.chain import broadcast_answers
from app.chain.broadcast_answers import BroadcastAnswer, NodeSendsNothing
from app.chain.node import Node
from app.chain.rpc import NodeError
from tests import chain_harness
from tests.chain_harness import ChainHarness
from tests.scenario import doge


@pytest.mark.parametrize(
    ("code", "message", "answer"),
    [
        (-27, "transaction already in block chain", BroadcastAnswer.HELD),
        (-26, "257: txn-already-known", BroadcastAnswer.HELD),
        (-25, "Missing inputs", BroadcastAnswer.UNSURE),
        (-26, "258: txn-mempool-conflict", BroadcastAnswer.REFUSED),
        (-26, "66: mempool min fee not met", BroadcastAnswer.OUTBID),
        (-26, "66: insufficient fee", BroadcastAnswer.REFUSED),
        (-26, "18: bad-txns-inputs-spent", BroadcastAnswer.REFUSED),
        (-22, "TX decode failed", BroadcastAnswer.REFUSED),
    ],
)
def test_an_answer_is_read_as_core_means_it(code: int, message: str, answer: BroadcastAnswer) -> None:
    assert broadcast_answers.read(NodeError(code, message)) is answer


@pytest.mark.parametrize(
    ("code", "message"), [(-2, "Safe mode: Warning: ..."), (-31, "P2P functionality missing")]
)
def test_a_node_that_sends_nothing_just_now_is_asked_later(code: int, message: str) -> None:
    with pytest.raises(NodeSendsNothing, match=message):
        broadcast_answers.read(NodeError(code, message))


class ScriptedNode(Node):
    """A node that answers what is set here; if None, what the node answers."""

    answer: NodeError | None = None

    async def send(self, raws: Sequence[bytes]) -> list[bytes | NodeError]:
        return [self.answer for _ in raws] if self.answer is not None else await super().send(raws)


@pytest.fixture
async def harness(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[ChainHarness]:
    async with chain_harness.opened(engine, tmp_path) as harness:
        await harness.fund("shop", 100)
        yield harness
        await harness.audit()


@pytest.fixture
async def node(harness: ChainHarness) -> AsyncIterator[ScriptedNode]:
    async with ScriptedNode(harness.url) as node:
        harness.sender = harness.make_sender(node=node)
        yield node


async def test_a_refusal_is_shown_with_the_payment_said_once_and_gone_when_the_node_takes_it(
    harness: ChainHarness, node: ScriptedNode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "app.chain.sender")
    payment = await harness.pay(await harness.node_address(), 10)
    node.answer = NodeError(-26, "66: mempool full")
    for _ in range(3):
        await harness.send()
        await harness.make_due()

    [refused] = await harness.reload(payment)
    assert (refused.state, refused.error) == ("PROCESSING", "66: mempool full (-26)")
    assert len(caplog.records) == 1
    node.answer = None
    await harness.send()
    [accepted] = await harness.reload(payment)
    assert (accepted.state, accepted.error) == ("BROADCAST", "")


async def test_a_refusal_of_what_was_sent_before_is_forgotten_when_the_node_takes_it_again(
    harness: ChainHarness, node: ScriptedNode
) -> None:
    payment = await harness.pay(await harness.node_address(), 10)
    await harness.send()
    errors = []

    for answer in (NodeError(-26, "258: txn-mempool-conflict"), None):
        node.answer = answer
        await harness.make_due()
        await harness.send()
        errors += [(payment.state, payment.error) for payment in await harness.reload(payment)]

    assert errors == [("BROADCAST", "258: txn-mempool-conflict (-26)"), ("BROADCAST", "")]
    assert await harness.payment_events(payment) == ["PAYMENT_REQUESTED", "PAYMENT_SENT"]


async def test_missing_inputs_decide_nothing(harness: ChainHarness, node: ScriptedNode) -> None:
    payment = await harness.pay(await harness.node_address(), 10)
    node.answer = NodeError(-25, "Missing inputs")

    await harness.send()

    [unsure] = await harness.reload(payment)
    assert (unsure.state, unsure.error) == ("PROCESSING", "")
    assert await harness.send() == 0


async def test_what_is_in_the_chain_already_is_sent(harness: ChainHarness, node: ScriptedNode) -> None:
    payment = await harness.pay(await harness.node_address(), 10)
    node.answer = NodeError(-27, "transaction already in block chain")

    await harness.send()

    assert await harness.states(payment) == ["BROADCAST"]


async def test_in_safe_mode_payments_are_signed_and_wait(harness: ChainHarness, node: ScriptedNode) -> None:
    payments = [await harness.pay(await harness.node_address(), 10) for _ in range(2)]
    node.answer = NodeError(-2, "Safe mode: Warning: ...")

    with pytest.raises(NodeSendsNothing):
        await harness.send()
    assert await harness.states(*payments) == ["PROCESSING"] * 2
    node.answer = None
    await harness.send()

    assert await harness.states(*payments) == ["BROADCAST"] * 2
    assert (await harness.balance()).available < doge(80)
