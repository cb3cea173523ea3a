"""Text and tokens: ingesting and reading documents, splitting a corpus, tokenizers, and the token
store.
"""
