"""The HTTP server: connections, requests and answers, with a limit on each; the API stands behind it as an ASGI application."""
