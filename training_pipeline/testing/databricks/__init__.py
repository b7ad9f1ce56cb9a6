"""A backend and sheets in the stand-in workspace, a real Spark, and every fault at every call."""
