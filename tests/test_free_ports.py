"""Two processes of tests are never given the same port."""

import subprocess
import sys

from tests.end_to_end.program import ROOT, free_ports, reserve


def test_a_port_stays_with_the_process_of_tests_that_took_it() -> None:
    [port] = free_ports(1)

    asked = f"from tests.end_to_end.program import reserve; print(reserve({port}))"
    other = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert other.stdout == "False\n"
    assert not reserve(port)
