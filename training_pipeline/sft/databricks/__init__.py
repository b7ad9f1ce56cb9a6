"""What the program does on a GPU worker of Databricks, and for its registry."""
