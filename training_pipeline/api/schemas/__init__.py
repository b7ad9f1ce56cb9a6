"""What the API answers: models of their own, so that a table may change without a client noticing."""
