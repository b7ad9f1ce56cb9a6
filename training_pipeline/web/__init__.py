"""The pages of the TRAIN stage, on the REST API's own app: they show what its service says, and hold nothing."""
