"""Text and tokens: reading documents, splitting a corpus, tokenizers, and the token store."""
