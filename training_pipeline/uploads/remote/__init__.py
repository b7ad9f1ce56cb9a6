"""Files and tables in buckets: fetched by one process, tables read by another, and then uploads like any other."""
