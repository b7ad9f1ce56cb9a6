"""The REST API: a thin layer over the services of `training_jobs`."""
