"""Rules about the program: sender and follower step by step, with a failing node, and killed anywhere."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.walk.machine import MANY, MoneyMachine
from tests.walk.program import FAULTS

STEPS = st.integers(1, 8)


class ProgramRules(MoneyMachine):
    """Rules about the program's steps."""

    @rule(steps=STEPS)
    def send_steps(self, steps: int) -> None:
        self.run(self.send("", steps))

    @rule(fault=st.sampled_from(FAULTS), steps=STEPS)
    def send_on_a_bad_wire(self, fault: str, steps: int) -> None:
        self.run(self.send(fault, steps))

    @rule(after=st.integers(0, 60))
    def die_sending(self, after: int) -> None:
        """Kill the sender at a statement, a commit or a call."""
        self.run(self._die_sending(after))

    @rule(after=st.integers(0, 60))
    def die_following(self, after: int) -> None:
        """Kill the follower at a statement, a commit or a call."""
        self.run(self._die_following(after))

    @rule()
    def follow_a_step(self) -> None:
        self.run(self.program.follower.step())

    @rule()
    def follow_to_the_tip(self) -> None:
        self.run(self.follow())

    @rule()
    def begin_again(self) -> None:
        self.restart()

    @rule()
    def wait_a_minute(self) -> None:
        """Let the time pass after which the sender offers transactions again."""
        self.run(self.make_due())

    # ------------------------------------------------------------ the steps of the rules

    async def _die_sending(self, after: int) -> None:
        await self.resume()
        if await self.program.killed(after, self._many_sends):
            self.restart()

    async def _many_sends(self) -> None:
        for _ in range(MANY):
            await self.program.sender.step()

    async def _die_following(self, after: int) -> None:
        await self.generate(1)
        if await self.program.killed(after, self.follow):
            self.restart()
