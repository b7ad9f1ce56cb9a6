"""Authentication of requests: bearer tokens, and sessions of pages."""
