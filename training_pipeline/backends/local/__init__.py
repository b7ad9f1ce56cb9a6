"""Fine-tuning on this machine: a directory a run, and a supervisor process for each."""
