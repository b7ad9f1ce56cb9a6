"""Browsers, and what a person does in one."""
