"""What the endpoints are given by the program: the database, the verbs, and who may see what."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import Db
from app.domain import accounts, blocks, invoices
from app.domain.networks import Network
from app.domain.verbs import Verb
from app.group_commit import GroupCommit
from app.loops import Vitals


@dataclass(frozen=True, slots=True)
class Program:
    """Shared by all requests. `reads` answers single statements, each on its own; `commits` runs the verbs."""

    network: Network
    engine: AsyncEngine
    reads: AsyncEngine
    commits: GroupCommit
    put_account: Verb[accounts.Wish, accounts.Account]
    create_invoice: Verb[invoices.Order, invoices.Invoice]
    rescan: Verb[int, int]
    open_items: bool
    vitals: Vitals
    auditing: asyncio.Lock
    """Held by the one audit that runs: it reads everything there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How invoices are made and shown.

    `confirmations` is the default, `token` makes an unguessable word, `open_items` shows an invoice's items to whoever
    knows its address. `vitals` are those of this process's loops.
    """

    confirmations: int
    token: Callable[[], str]
    open_items: bool = False
    vitals: Vitals = field(default_factory=Vitals)


def of(network: Network, engine: AsyncEngine, commits: GroupCommit, terms: Terms) -> Program:
    """Put together what both applications share; once a program, since a verb's requests wait by its identity."""
    return Program(
        network=network,
        engine=engine,
        reads=engine.execution_options(isolation_level="AUTOCOMMIT"),
        commits=commits,
        put_account=accounts.putting(network),
        create_invoice=invoices.creating(network, terms.confirmations, terms.token),
        rescan=blocks.rescanning(),
        open_items=terms.open_items,
        vitals=terms.vitals,
        auditing=asyncio.Lock(),
    )


async def _of_request(request: Request) -> Program:
    program: Program = request.app.state.program
    return program


async def _reading(request: Request) -> AsyncIterator[Db]:
    async with request.app.state.program.reads.connect() as db:
        yield db


Given = Annotated[Program, Depends(_of_request)]

Reading = Annotated[Db, Depends(_reading, scope="function")]
"""A connection for reading; it is returned before the answer is sent, so that a slow caller holds none."""
