"""A process that only imports what each request needs."""

import sys

import fastapi  # noqa: F401
import sqlalchemy  # noqa: F401

print("Imported.", flush=True)
sys.stdin.read()
