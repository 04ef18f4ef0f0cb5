"""The books as a file: the command that writes it, and the one that proves it."""
