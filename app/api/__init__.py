"""The HTTP edge: one file a noun; an endpoint parses, calls one verb of the domain, and shows."""
