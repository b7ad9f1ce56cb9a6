"""The models of the OpenAPI document, shared by API, command line and pages, and independent of the tables."""
