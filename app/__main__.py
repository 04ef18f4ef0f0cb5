"""Starts the command that the command line names. What each does is in `app.cli`, and is loaded when it runs."""

import gc
import sys
from typing import Final

from app.runtime import interrupts

COLLECTED_AT: Final = 50_000
"""How many objects are made before Python looks for garbage: what is imported stays, and looking takes a fifth of a start."""


def main() -> None:
    """Carry out the command line."""
    gc.set_threshold(COLLECTED_AT)
    with interrupts.interrupted_by_signals():
        try:
            _carry_out()
        finally:
            gc.freeze()  # Python looks through all that is left before it ends: a fifth of a short command


def _carry_out() -> None:
    if sys.argv[1:] == ["serve"]:
        _serve()
    else:
        from app.cli import commands

        commands.together()(prog_name="kennel")


def _serve() -> None:
    """Run Kennel as the settings say, without the library that takes command lines apart: there is nothing in this one."""
    gc.disable()  # until all is loaded
    from app.cli import serve

    try:
        serve.serve(None)
    except KeyboardInterrupt:
        sys.exit(interrupts.INTERRUPTED)


if __name__ == "__main__":
    main()
