"""How jobs are followed: one listener, live updates, server-sent events."""
