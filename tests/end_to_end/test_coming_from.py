"""Every curl line of the guide for those who come from another ledger runs, one after the other."""

import json
import re
import subprocess
from pathlib import Path

from tests.end_to_end.program import Program, running

GUIDE = Path(__file__).parents[2] / "docs" / "coming-from.md"
LINE = re.compile(r"^    \$ (curl .*?)(?:   # (\d{3}))?$", re.MULTILINE)


def test_every_curl_line_of_the_guide_does_what_it_says(tmp_path: Path) -> None:
    lines = LINE.findall(GUIDE.read_text())
    outcomes = []

    with running(Program(tmp_path)) as program:
        for line, expected in lines:
            status, answer = _run(program, line)
            outcomes.append((line, status, answer) if status != int(expected or 200) else "as it says")
        has = {one["asset"]: one for one in program.admin.get("/account/buyer-1/balances").json()["items"]}
        program.audit()

    assert outcomes == ["as it says"] * len(lines)
    assert len(lines) >= 20
    assert (has["gems"]["available"], has["gems"]["held"]) == ("1024.5", "0")


def _run(program: Program, line: str) -> tuple[int, str]:
    """Run it in a shell, as a reader would, against the program's own port."""
    command = line.replace("localhost:8081", str(program.admin.base_url).rstrip("/").removeprefix("http://"))
    done = subprocess.run(
        ["/bin/bash", "-c", f"{command} -w '\\n%{{http_code}}'"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer, status = done.stdout.rsplit("\n", 1)
    json.loads(answer)
    return int(status), answer
