"""What every face speaks: the models of the OpenAPI document, so that a table may change without a client noticing."""
