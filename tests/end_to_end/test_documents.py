"""The lines of curl in the README and in the first steps do what is shown, one after the other."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.end_to_end.program import ROOT, Program, running

SHOWN_ID = "mzBRc7oWLVLZQisG7zTaQLe1NNQuNHvgDY"
CONFIRMATIONS = 6


def shown_lines(document: str) -> Iterator[tuple[str, str]]:
    """Each line of curl, joined where it goes on, and the answer that is shown below it."""
    blocks = re.findall(r"(?:^    .*\n)+", (ROOT / document).read_text(), re.MULTILINE)
    for block in blocks:
        text = re.sub(r"^    ", "", block, flags=re.MULTILINE).replace("\\\n", "")
        for line, answer in re.findall(r"^\$ (curl .*)\n((?:[^$].*\n)*)", text, re.MULTILINE):
            yield line, answer.replace("\n", "")


def run(program: Program, line: str, invoice: str) -> str:
    """Run it in a shell, as a reader would, against the program's own ports."""
    ports = {"8081": program.admin, "8082": program.public}
    for port, client in ports.items():
        line = line.replace(f"http://127.0.0.1:{port}", str(client.base_url).rstrip("/"))
    node = program.settings["KENNEL_DEVNET_BIND"]
    line = line.replace("127.0.0.1:18332", node).replace(SHOWN_ID, invoice)
    line = re.sub(r"\bID\b", invoice, line).replace("ADDRESS", program.node.miner())
    done = subprocess.run(
        ["/bin/bash", "-c", f"{line} --fail-with-body"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{line}: {done.stdout}"
    return done.stdout


def test_the_readme_and_the_first_steps_show_what_is_answered(tmp_path: Path) -> None:
    lines = [*shown_lines("README.md"), *shown_lines("docs/first-steps.md")]
    invoice = ""

    with running(Program(tmp_path)) as program:
        program.node.fill_faucet()
        program.keep_up()
        for line, shown in lines:
            answer = json.loads(run(program, line, invoice))
            if "/invoice " in line:
                invoice = answer["id"]
            if shown:
                assert list(answer) == list(json.loads(shown)), line
            if "sendtoaddress" in line:
                program.mine(CONFIRMATIONS)
            if "/balance" in line:
                assert answer == json.loads(shown)
        program.audit()

    assert len(lines) >= 10
