"""What needs a person: noticed once, delivered to every target."""
