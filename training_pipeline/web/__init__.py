"""The web pages of the TRAIN stage, on the REST API's app. They show what the service answers and store nothing."""
