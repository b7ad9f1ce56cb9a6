"""Where training sheets are read from."""
