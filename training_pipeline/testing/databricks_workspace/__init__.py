"""A Databricks workspace to test against: a real HTTP server that the real `WorkspaceClient` talks to.

It does what the public documentation and the SDK say that a workspace does, for the calls we make, and it does it for
real: submitted programs run, files are stored, SQL is executed, MLflow is MLflow. Each module below serves one part of
the API through `routes(workspace)`; `faults.py` breaks any call in the ways that calls break in practice.
"""
