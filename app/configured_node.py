"""The node: Dogecoin Core, or the built-in devnet. No other module of `app` imports devnet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from app.chain.node import Node
from app.chain.rpc import NodeTrouble
from app.config.settings import Settings
from app.errors import OperatorError

if TYPE_CHECKING:  # the production image has no devnet
    from devnet.devnet import Devnet

LOGIN: Final = "kennel:kennel"
"""User and password of the devnet."""
NO_DEVNET: Final = (
    "KENNEL_NODE_URL must be set, because this installation has no test network of its own: "
    "it names a Dogecoin Core node, http://user:password@host:port."
)


class NoNode(OperatorError):
    """There is no node to start with; the message is a sentence for the operator."""


def check(settings: Settings) -> None:
    """Raise NoNode where no node is configured and the devnet is not installed."""
    if settings.node_url is None and find_spec("devnet") is None:
        raise NoNode(NO_DEVNET)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[Node, str | None]]:
    """Yield the node and where it announces blocks. The devnet runs meanwhile where no node is configured."""
    if settings.node_url is not None:
        async with beside(settings) as node:
            yield node, settings.node_zmq
        return
    async with devnet(settings) as own, Node(_with_login(own.rpc_url)) as node:
        yield node, own.zmq_endpoint


@asynccontextmanager
async def running_or_idle(settings: Settings) -> AsyncIterator[Node]:
    """Yield the node that a running Kennel uses. A devnet that does not run is run, without mining."""
    async with beside(settings) as node:
        if settings.node_url is not None or await _answers(node):
            yield node
            return
    async with devnet(settings, idle=True) as own, Node(_with_login(own.rpc_url)) as node:
        yield node


async def _answers(node: Node) -> bool:
    try:
        await node.chain_state()
    except NodeTrouble:
        return False
    return True


def beside(settings: Settings) -> Node:
    """Return the node that a running Kennel with these settings uses."""
    if settings.node_url is not None:
        return Node(settings.node_url, settings.node_cookie)
    return Node(devnet_url(settings))


@asynccontextmanager
async def devnet(settings: Settings, *, idle: bool = False) -> AsyncIterator["Devnet"]:
    """Run the devnet of this home; an `idle` one neither mines nor announces. Raises NoNode if it cannot."""
    if find_spec("devnet") is None:
        raise NoNode(NO_DEVNET)
    from devnet.devnet import Options, running
    from devnet.storage import InUse

    zmq, seconds = (None, 0.0) if idle else (str(settings.devnet_zmq_bind), settings.devnet_block_seconds)
    options = Options(str(settings.devnet_bind), zmq, block_seconds=seconds)
    try:
        async with running(settings.home / "devnet", options) as own:
            yield own
    except InUse as error:
        raise NoNode(str(error)) from None


def devnet_url(settings: Settings) -> str:
    """Return where the devnet of these settings answers, with its login."""
    return _with_login(f"http://{settings.devnet_bind}")


def _with_login(url: str) -> str:
    return url.replace("://", f"://{LOGIN}@", 1)
