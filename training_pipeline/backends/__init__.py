"""Where fine-tuning runs."""
