"""The rules of money and chain: plain functions decide, coroutines talk SQL; no transport is known here."""
