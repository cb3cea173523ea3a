"""The signal family: characters as sine signals, tokens learned inside the model."""
