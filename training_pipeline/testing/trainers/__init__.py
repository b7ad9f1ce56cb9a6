"""Trainers for tests: stand-ins, a backend that runs them, and runs of the real one."""
