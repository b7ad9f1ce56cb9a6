"""One example: what a valid chat is, and how it is written, byte for byte."""
