"""Which loops each role runs."""
