"""What the RPC can do, one module a noun."""
