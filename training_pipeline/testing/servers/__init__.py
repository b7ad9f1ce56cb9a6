"""Servers that a test starts, and clients that ask them."""
