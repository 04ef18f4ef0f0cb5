"""A small regtest node of our own with the RPC and the announcements of Dogecoin Core, for demo and tests."""
