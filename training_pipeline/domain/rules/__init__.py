"""The rules: which pairs may be trained on, what they look like as text, and how they are split."""
