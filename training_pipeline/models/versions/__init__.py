"""The model versions that jobs registered: what each was trained on, who allowed it, and whether it is still clean."""
