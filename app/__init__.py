"""Kennel takes, holds and sends Dogecoin on behalf of others."""

from typing import Final

VERSION: Final = "0.2.0"
"""As CHANGELOG.md tells it, and pyproject.toml says it."""
