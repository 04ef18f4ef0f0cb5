"""Reads what `/metrics` says, by plain lines: `name{label="value"} number`."""

from collections.abc import Mapping


def figures(text: str) -> Mapping[str, float]:
    """Return each figure by its name and labels, as they are written."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def named(text: str) -> frozenset[str]:
    """Return the names that are described, those without a figure too."""
    return frozenset(line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE "))
