"""The demo: a test network, a shop whose goods one can pay, and a tour of the API."""
