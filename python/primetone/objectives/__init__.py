"""Loss functions: what a phase asks of its module, as sums over predictions."""
