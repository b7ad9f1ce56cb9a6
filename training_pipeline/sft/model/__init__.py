"""The base model that is tuned, and the card of what became of it."""
