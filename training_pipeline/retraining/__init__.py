"""When a training sheet that changed is trained on again."""
