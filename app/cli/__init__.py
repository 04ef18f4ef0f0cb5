"""The commands beside `serve`, the demo, and what they print on the terminal."""
