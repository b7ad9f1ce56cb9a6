"""Start, stop, health and environment of the system."""
