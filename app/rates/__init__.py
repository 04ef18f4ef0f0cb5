"""Asks the configured sources what a DOGE is worth, and writes what they say into the table of rates."""
