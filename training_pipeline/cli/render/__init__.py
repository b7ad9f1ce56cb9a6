"""Rendering for the terminal."""
