"""The database tables of training jobs, and access to jobs, events, metrics and lineage."""
