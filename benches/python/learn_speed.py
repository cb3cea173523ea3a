"""Learning merges beside rustbpe and Hugging Face tokenizers: equal merges first, then in turn."""

from __future__ import annotations

import argparse
import json
from typing import Any

from peers import has, medians, print_machine, print_table, read_text

from primetone.text.tokenizer import Tokenizer

DOCUMENT_BYTES = 64 << 10
SPECIAL = "<|endoftext|>"


def hugging_face(documents: list[str], vocab_size: int, pattern: str) -> Any:
    """The reference trainer: byte-level BPE with the same split."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def main() -> None:
    """Print a table for each text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", nargs="+", default=["prose8"])
    parser.add_argument("--vocab-size", type=int, default=32_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not (has("tokenizers") and has("rustbpe")):
        return
    import rustbpe

    print_machine(["primetone", "tokenizers", "rustbpe"])
    for name in options.texts:
        text = read_text(name).decode()
        documents = [text[at : at + DOCUMENT_BYTES] for at in range(0, len(text), DOCUMENT_BYTES)]

        def ours(documents: list[str] = documents) -> Tokenizer:
            return Tokenizer.learn(documents, vocab_size=options.vocab_size)

        def by_rustbpe(documents: list[str] = documents) -> None:
            rustbpe.Tokenizer().train_from_iterator(iter(documents), options.vocab_size - 1)

        learned = ours()
        pattern = learned.pattern or ""
        reference = json.loads(hugging_face(documents, options.vocab_size, pattern).to_str())
        merges = [[learned[left], learned[right]] for left, right, _ in learned.merges]
        expected = [
            [learned[reference["model"]["vocab"][part]] for part in merge]
            for merge in reference["model"]["merges"]
        ]
        assert merges == expected, f"{name}: the merges differ from the reference"
        seconds = medians(
            {
                "primetone": ours,
                "rustbpe": by_rustbpe,
                "tokenizers": lambda docs=documents, pattern=pattern: hugging_face(
                    docs, options.vocab_size, pattern
                ),
            },
            options.rounds,
        )
        title = f"{name}, gpt4 split, vocabulary {options.vocab_size:,}, all cores"
        print_table(title, len(text.encode()), seconds)


if __name__ == "__main__":
    main()
