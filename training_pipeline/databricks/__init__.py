"""One home for everything that speaks to a Databricks workspace."""
