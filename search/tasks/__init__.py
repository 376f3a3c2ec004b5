"""What a user brings: a task with its data and splits, or a training function."""
