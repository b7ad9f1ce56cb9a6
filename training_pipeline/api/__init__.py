"""The REST API: a thin shell over the services of `training_jobs`."""
