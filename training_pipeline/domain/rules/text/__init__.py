"""Texts in one form on every engine: white space, case, normal form."""
