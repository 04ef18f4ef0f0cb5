"""What a process runs on: loops, leases, the HTTP server, logs, the end of the program."""
