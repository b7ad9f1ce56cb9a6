"""Alerts: each cause is recorded once and delivered once to every target."""
