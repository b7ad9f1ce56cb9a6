"""What is stored of training jobs: tables, jobs, events, metrics, lineage."""
