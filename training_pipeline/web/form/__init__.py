"""The form for a new job or a retry."""
