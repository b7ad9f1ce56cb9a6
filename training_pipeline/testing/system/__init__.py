"""Installations: whole ones that are started, and parts of one in this process."""
