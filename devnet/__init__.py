"""A small Dogecoin regtest node of our own: the RPC and the announcements of Dogecoin Core, for the demo and for tests."""
