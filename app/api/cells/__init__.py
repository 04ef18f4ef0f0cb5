"""Several cells as one installation: which of them a request is for, what concerns several, and lists over all."""
