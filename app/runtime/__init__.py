"""How a loop runs, who may run it, and how requests come in: loops, leases, the HTTP server, logs, the end of the program."""
