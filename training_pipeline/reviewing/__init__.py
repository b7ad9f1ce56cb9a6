"""Reviewing the pairs of training sheets that are kept in files of this installation: edits, undo, and their log."""
