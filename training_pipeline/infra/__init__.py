"""What knows nothing of training: the database, locks, processes, files and retries."""
