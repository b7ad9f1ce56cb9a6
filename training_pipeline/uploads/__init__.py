"""Files that people send: staged, read in a process of their own, and made into training sheets."""
