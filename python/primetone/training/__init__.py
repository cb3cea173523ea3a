"""Training: batches as a function of a number, optimisers, schedules, checkpoints and the loop."""
