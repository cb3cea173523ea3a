"""What goes wrong when tokenizer files change hands, one test each; other packages are asked."""

from __future__ import annotations

import base64
import json
import random
import warnings
from pathlib import Path

import pytest

from children import HUGGING_FACE, HUGGING_FACE_TWO_FILES, MISTRAL, TIKTOKEN, ask
from primetone import _rust_tok
from primetone.errors import (
    FormatError,
    PatternError,
    TextError,
    UnknownTokenError,
    VocabularyError,
)
from primetone.text.tokenizer import Tokenizer

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TEXTS = [
    "the cat sat on the mat, the hat that sat",
    "naïve café — 東京 🙂",
    "it's 1234\n\n  x  ",
    "abcabc cab bca aabbcc" * 3,
    "",
    " \t\n",
]


def write_ranks(path: Path, tokens: list[bytes]) -> None:
    lines = (f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens))
    path.write_text("".join(lines))


def edited_vocabularies(number: int, seed: int) -> list[list[bytes]]:
    """Pruned, re-ordered and hand-added: what clean vocabularies never show (P4)."""
    draw = random.Random(seed)
    texts = ["".join(draw.choices("abc ", k=60)) for _ in range(20)]
    clean = Tokenizer.learn(texts, vocab_size=320, specials=[], split="gpt2")
    longer = [clean[token] for token in range(256, len(clean))]
    vocabularies = []
    for _ in range(number):
        kept = [token for token in longer if draw.random() < 0.7]
        kept += ["".join(draw.choices("abc", k=draw.randint(2, 6))).encode() for _ in range(6)]
        kept = list(dict.fromkeys(kept))
        draw.shuffle(kept)
        vocabularies.append([*(bytes([byte]) for byte in range(256)), *kept])
    return vocabularies


def test_p1_p4_all_splits_where_one_split_would_differ(tmp_path: Path) -> None:
    for number, tokens in enumerate(edited_vocabularies(4, seed=1)):
        draw = random.Random(number)
        texts = ["".join(draw.choices("abc ", k=40)) for _ in range(200)]
        write_ranks(tmp_path / "edited.tiktoken", tokens)
        ours = Tokenizer.load(tmp_path / "edited.tiktoken", split="gpt2")
        ours.save(tmp_path / "tokenizer.json")
        expected = ask(TIKTOKEN, "tiktoken", texts, tmp_path / "edited.tiktoken", GPT2, "{}")["ids"]
        theirs = ask(HUGGING_FACE, "tokenizers", texts, tmp_path / "tokenizer.json")["ids"]
        assert [ours.encode(text).tolist() for text in texts] == expected == theirs
        assert Tokenizer.load(tmp_path / "tokenizer.json") == ours


def test_p1_one_merge_a_token_where_that_is_exact(tmp_path: Path) -> None:
    clean = Tokenizer.learn(TEXTS, vocab_size=300, specials=[], split="gpt2")
    clean.save(tmp_path / "t.tiktoken")
    again = Tokenizer.load(tmp_path / "t.tiktoken")
    assert again == clean
    assert again.merges == clean.merges


def test_p2_ignore_merges_is_part_of_the_meaning(tmp_path: Path) -> None:
    """ "xyz" is a token that merging cannot reach: taken whole only where the file says so."""
    tokens = [*(bytes([byte]) for byte in range(256)), b"xyz", b"ab"]
    write_ranks(tmp_path / "t.tiktoken", tokens)
    whole = Tokenizer.load(tmp_path / "t.tiktoken", split="gpt2")
    assert whole.encode("xyz").tolist() == [256]
    assert whole.encode("axyz").tolist() == list(b"axyz")
    whole.save(tmp_path / "whole.json")
    tree = json.loads((tmp_path / "whole.json").read_text(encoding="utf-8"))
    assert tree["model"]["ignore_merges"] is True
    del tree["model"]["ignore_merges"]  # absent means false
    del tree["model"]["fingerprint"]
    (tmp_path / "merged.json").write_text(json.dumps(tree), encoding="utf-8")
    merged = Tokenizer.load(tmp_path / "merged.json")
    assert merged.encode("xyz").tolist() == list(b"xyz")
    assert merged != whole
    for name, ours in (("whole", whole), ("merged", merged)):
        theirs = ask(HUGGING_FACE, "tokenizers", ["xyz", "ab"], tmp_path / f"{name}.json")["ids"]
        assert theirs == [ours.encode("xyz").tolist(), ours.encode("ab").tolist()]
    with pytest.raises(VocabularyError, match='"xyz"'):
        whole.save(tmp_path / "merges.txt")
    with pytest.raises(VocabularyError, match="look up"):
        merged.save(tmp_path / "t.tiktoken")


def test_p3_ids_that_are_not_in_merge_order(tmp_path: Path) -> None:
    learnt = Tokenizer.learn(TEXTS, vocab_size=280, specials=["<s>"], split="gpt2")
    learnt.save(tmp_path / "tokenizer.json")
    tree = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    vocab = tree["model"]["vocab"]
    names = sorted(vocab, key=vocab.get)
    # the special in the middle, and two tokens that changed places
    names = [*names[1:100], names[0], *names[100:-2], names[-1], names[-2]]
    tree["model"]["vocab"] = {name: number for number, name in enumerate(names)}
    tree["added_tokens"][0]["id"] = 99
    del tree["model"]["fingerprint"]
    (tmp_path / "odd.json").write_text(json.dumps(tree), encoding="utf-8")
    odd = Tokenizer.load(tmp_path / "odd.json")
    with pytest.raises(VocabularyError, match="orders merges by id"):
        odd.save(tmp_path / "odd.tiktoken")
    renumbered, new_ids = odd.renumbered()
    for format_name in ("odd.tiktoken", "tekken.json"):
        renumbered.save(tmp_path / format_name)
        assert Tokenizer.load(tmp_path / format_name) == renumbered
    for text in TEXTS:
        assert [new_ids[old] for old in odd.encode(text)] == renumbered.encode(text).tolist()
    assert sorted(new for new in new_ids if new is not None) == list(range(len(odd)))


def test_p5_a_character_outside_the_alphabet_never_makes_a_hole(tmp_path: Path) -> None:
    """Hugging Face drops it without an unknown token, and merges across; we refuse."""
    (tmp_path / "merges.txt").write_text("a b\n")
    (tmp_path / "vocab.txt").write_text("</w>\na\nb\nab\n")
    words = Tokenizer.load(tmp_path / "merges.txt", lowercase=False)
    assert words.encode("ab").tolist() == [3, 0]
    with pytest.raises(UnknownTokenError, match="U\\+20AC"):
        words.encode("a€b")
    words.save(tmp_path / "tokenizer.json")
    theirs = ask(HUGGING_FACE, "tokenizers", ["ab", "a€b"], tmp_path / "tokenizer.json")["ids"]
    assert theirs == [[3, 0], [3, 0]]
    # bytes can spell anything
    byte = Tokenizer.bytes()
    assert byte.decode(byte.encode("a€b")) == "a€b"


def test_p6_repeated_keys_and_ids_are_refused_with_the_place(tmp_path: Path) -> None:
    Tokenizer.learn(TEXTS, vocab_size=300, specials=["<s>"]).renumbered()[0].save(
        tmp_path / "tekken.json"
    )
    good = (tmp_path / "tekken.json").read_text(encoding="utf-8")

    def refused(name: str, text: str, words: str) -> None:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        with pytest.raises((FormatError, VocabularyError), match=words) as caught:
            Tokenizer.load(path)
        assert str(path) in str(caught.value)

    rank = good.replace('"rank": 258,', '"rank": 257,')
    refused("tekken.json", rank, "vocab entry 258: its rank is 257")
    refused(
        "tekken.json", good.replace('"rank": 3,', '"rank": 3, "rank": 3,', 1), "duplicate field"
    )
    refused("tekken.json", good.replace('"AQ=="', '"Ag=="', 1), "entry 1: expected the byte 0x01")
    refused("tekken.json", good.replace('"AQ=="', '"AQ"', 1), "not base64")
    refused("tekken.json", good.replace('"token_str": "\\u0001"', '"token_str": "x"'), "token_str")
    refused("tekken.json", good.replace('"rank": 0,', '"rank": -1,', 1), "line")
    refused("tekken.json", good.replace('"num_vocab_tokens": 299', '"num_vocab_tokens": 3'), "299")
    refused("tekken.json", good.replace('vocab_size": 300', 'vocab_size": 9000'), "9000")
    refused("tekken.json", good.replace('vocab_size": 300', 'vocab_size": 4294967296'), "line")
    huge = good.replace('special_tokens": 1', 'special_tokens": 4000000000')
    refused("tekken.json", huge, "at most 65536")
    refused("tekken.json", good.replace('"config"', '"configuration"'), "config")
    json_tree = json.dumps({"model": {"vocab": {}}})
    refused("tokenizer.json", json_tree, "missing field|merges")
    Tokenizer.learn(TEXTS, vocab_size=300).save(tmp_path / "t.merges")
    own = (tmp_path / "t.merges").read_text(encoding="utf-8")
    refused("t.merges", own.replace("units bytes", "units bytes\nunits bytes"), "line 3: .*twice")
    refused("t.merges", own.replace("special 0", "special 9"), "fingerprint")
    refused("t.merges", own.replace("merges-1", "").replace(" 1\n", " 2\n", 1), "line 1")
    refused("t.merges", own + "a b 1\n", "to end after 43 merges")
    refused("t.merges", own[: own.rindex("\n", 0, -1) + 1], "ends after 42 of 43")
    refused("t.merges", own.replace("counts", "", 1), "line")
    lines = own.splitlines(keepends=True)
    refused("t.merges", "".join([*lines[:-1], lines[-2]]), "twice|fingerprint")


def test_p7_specials_never_clash_and_the_longest_wins(tmp_path: Path) -> None:
    write_ranks(tmp_path / "t.tiktoken", [bytes([byte]) for byte in range(256)])
    with pytest.raises(VocabularyError, match="id 97 is given to two tokens"):
        Tokenizer.load(tmp_path / "t.tiktoken", split="gpt2", specials={"<a>": 97})
    both = Tokenizer.load(tmp_path / "t.tiktoken", split="gpt2", specials={"<a>": 300, "<a>b": 301})
    assert both.encode("<a>b<a>", allowed_special="all").tolist() == [301, 300]


def test_p8_dialects_of_patterns_are_named_or_refused(tmp_path: Path) -> None:
    learnt = Tokenizer.learn(TEXTS, vocab_size=270)
    learnt.save(tmp_path / "tokenizer.json")
    good = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")
    for pattern in (r"\\p{L}++|.", r"\\s+(?!x)|.", r"(a)\\1"):
        text = good.replace(json.dumps(learnt.pattern)[1:-1], pattern)
        assert text != good
        (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
        with pytest.raises(PatternError, match="named scheme"):
            Tokenizer.load(tmp_path / "tokenizer.json")


def test_p9_another_unicode_version_is_said(tmp_path: Path) -> None:
    learnt = Tokenizer.learn(TEXTS, vocab_size=270)
    for name in ("t.tiktoken", "merges.txt", "t.merges", "tokenizer.json"):
        learnt.save(tmp_path / name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Tokenizer.load(tmp_path / name)
    for name in ("t.tiktoken.meta.json", "merges.txt.meta.json", "t.merges", "tokenizer.json"):
        path = tmp_path / name
        text = path.read_text(encoding="utf-8").replace(_rust_tok.UNICODE_VERSION, "15.1.0")
        # the fingerprint covers the version
        path.write_text("".join(x for x in text.splitlines(keepends=True) if "fingerp" not in x))
        with pytest.warns(UserWarning, match=r"Unicode 15\.1\.0, read with"):
            Tokenizer.load(tmp_path / name.removesuffix(".meta.json"))


def test_p10_decoding_bytes_loses_nothing() -> None:
    byte = Tokenizer.bytes(specials=[])
    assert byte.decode_bytes([0xFF, 0x80]) == b"\xff\x80"
    assert byte.decode([0xFF]) == "\ufffd"
    with pytest.raises(UnicodeDecodeError):
        byte.decode([0xFF], errors="strict")
    assert byte.decode([0xFF], errors="ignore") == ""


def test_p11_lone_surrogates_are_never_replaced_in_silence() -> None:
    byte = Tokenizer.bytes(specials=[])
    for call in (byte.encode, lambda text: byte.encode_batch([text])):
        with pytest.raises(TextError, match="pair at character 1"):
            call("a\ud800b")
    with pytest.raises(TextError, match="text 1: .*pair at character 0"):
        byte.encode_batch(["a", "\udfffb"])
    with pytest.raises(TextError, match="pair at character 1"):
        Tokenizer.learn(["a\ud800b"], vocab_size=300)
    assert byte.encode("a\ud800b".encode("utf-8", "surrogatepass")).tolist()[1] == 0xED
    assert byte.decode(byte.encode("a\ud800b".encode("utf-8", "replace"))) == "a?b"


@pytest.mark.parametrize("split", ["gpt2", "gpt4", "o200k", "llama3", "qwen2", "tekken"])
def test_every_loader_gives_our_ids(split: str, tmp_path: Path) -> None:
    """One tokenizer in every format, each loaded by the package the format belongs to."""
    ours, _ = Tokenizer.learn(
        TEXTS * 3, vocab_size=320, specials=["<s>", "</s>"], split=split
    ).renumbered()
    assert ours.pattern is not None
    expected = [ours.encode(text).tolist() for text in TEXTS]
    for name in ("tokenizer.json", "t.tiktoken", "merges.txt", "tekken.json", "t.merges"):
        ours.save(tmp_path / name)
        assert Tokenizer.load(tmp_path / name) == ours
    asked = [
        (HUGGING_FACE, "tokenizers", ["tokenizer.json"]),
        (HUGGING_FACE_TWO_FILES, "tokenizers", ["merges.txt", ours.pattern]),
        (TIKTOKEN, "tiktoken", ["t.tiktoken", ours.pattern, json.dumps(ours.specials)]),
    ]
    for code, package, (name, *more) in asked:
        assert ask(code, package, TEXTS, tmp_path / name, *more)["ids"] == expected, package


def test_mistral_common_gives_our_ids(tmp_path: Path) -> None:
    """Not in the test extra: it brings pydantic, pillow, pycountry and more."""
    ours = Tokenizer.learn(TEXTS, vocab_size=300, specials=["<unk>", "<s>"], split="tekken")
    ours, _ = ours.renumbered()
    ours.save(tmp_path / "tekken.json")
    theirs = ask(MISTRAL, "mistral_common", TEXTS, tmp_path / "tekken.json")
    assert theirs["n_words"] == len(ours)
    assert theirs["ids"] == [ours.encode(text).tolist() for text in TEXTS]
