"""Training sheets on the pages."""
