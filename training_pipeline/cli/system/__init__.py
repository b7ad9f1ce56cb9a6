"""The system for daily use: start, stop, health, environment."""
