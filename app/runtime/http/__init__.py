"""The HTTP server: connections, requests and answers, with limits; the API is its ASGI application."""
