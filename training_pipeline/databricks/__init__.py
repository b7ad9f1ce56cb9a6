"""All code that talks to a Databricks workspace."""
