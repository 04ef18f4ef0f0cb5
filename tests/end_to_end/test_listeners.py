"""The two listeners of the whole program under callers who mean no good."""

import resource
import socket
from contextlib import ExitStack, closing
from pathlib import Path

from app.runtime import open_files
from tests.end_to_end.program import Program

FILES = 1024
SILENT = 1_100


def test_callers_who_ask_nothing_do_not_keep_the_merchant_from_being_answered(tmp_path: Path) -> None:
    open_files.raise_limit()  # the callers are this process
    program = Program(tmp_path)
    program.spawn()
    assert program._process is not None
    resource.prlimit(program._process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    with closing(program), ExitStack() as stack:
        program.answers(lambda: program.admin.get("/health").status_code == 200)
        address = ("127.0.0.1", program.public.base_url.port)
        for _ in range(SILENT):
            stack.enter_context(socket.create_connection(address))

        answers = [
            client.get("/health").status_code for client in (program.admin, program.public) for _ in range(3)
        ]
        opened = program.admin.post("/account/shop", json={})

        assert (answers, opened.status_code) == ([200] * 6, 200)
        assert f"{FILES} files open" in program.said()
        assert program.said().count("as many connections as it may have") == 1
