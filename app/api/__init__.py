"""The HTTP API, one file a noun. An endpoint reads the request, submits a command, and shows its result."""
