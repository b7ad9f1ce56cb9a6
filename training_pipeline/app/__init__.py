"""The parts of one installation, wired together, and whether they are ready."""
