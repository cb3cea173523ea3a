"""primetone: raw text to a tokenizer, a packed corpus, a trained transformer and new text."""
