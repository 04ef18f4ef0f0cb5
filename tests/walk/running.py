"""The program that runs: sender and follower step by step, on a wire that fails them, killed anywhere and begun again."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.walk.machine import MANY, Ground
from tests.walk.program import MOODS

STEPS = st.integers(1, 8)


class Running(Ground):
    """Rules about what the program does."""

    @rule(steps=STEPS)
    def send_some(self, steps: int) -> None:
        self.run(self.send("", steps))

    @rule(mood=st.sampled_from(MOODS), steps=STEPS)
    def send_on_a_bad_wire(self, mood: str, steps: int) -> None:
        self.run(self.send(mood, steps))

    @rule(left=st.integers(0, 60))
    def die_sending(self, left: int) -> None:
        """At any statement, commit or call of the sender."""
        self.run(self._die_sending(left))

    @rule(left=st.integers(0, 60))
    def die_following(self, left: int) -> None:
        """At any statement, commit or call of the follower."""
        self.run(self._die_following(left))

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
        """Then transactions are offered again."""
        self.run(self.harness.make_due())

    # ------------------------------------------------------------ how

    async def _die_sending(self, left: int) -> None:
        await self.harness.resume()
        if await self.program.killed(left, self._many_sends):
            self.restart()

    async def _many_sends(self) -> None:
        for _ in range(MANY):
            await self.program.sender.step()

    async def _die_following(self, left: int) -> None:
        await self.generate(1)
        if await self.program.killed(left, self.follow):
            self.restart()
