"""The audit export: everything that is on record of a job and its model version, as one archive. No text of a pair."""
