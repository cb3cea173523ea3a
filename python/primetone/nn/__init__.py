"""Building blocks of the neural families: layers, positions and attention, in plain PyTorch."""
