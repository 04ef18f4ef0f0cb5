"""Requests that wait together are committed together, and read together: in one cell, and over several."""
