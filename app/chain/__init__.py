"""The chain: the node, its blocks, and the transactions we send."""
