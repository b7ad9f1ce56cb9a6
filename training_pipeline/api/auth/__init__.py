"""Who sends a request: bearer tokens, and sessions of pages."""
