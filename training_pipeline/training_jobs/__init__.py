"""Training jobs: store, life cycle and polling."""
