"""Training sheets kept as files: a head in YAML beside a file of pairs."""
