"""training_pipeline: from reviewed question-answer pairs to a fine-tuned model, with its lineage."""
