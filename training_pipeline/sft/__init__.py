"""The training program: fine-tunes one causal language model on one dataset, and tells about it in files.

It imports nothing of the rest of the project, so that the folder alone can be copied to a GPU worker:
`python -m training_pipeline.sft CONFIG.json`, or `python sft CONFIG.json` where only the folder is at hand.
"""
