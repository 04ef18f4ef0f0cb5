"""The HTTP API: one file a noun. An endpoint parses the request, submits one command of the domain, and shows its result."""
