"""Training sheets kept as tables of Unity Catalog."""
