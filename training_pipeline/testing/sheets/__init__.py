"""Makers of pairs, texts, sheets and the files that they come in."""
