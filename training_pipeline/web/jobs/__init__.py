"""The list of jobs, and a job's page."""
