"""Other tokenizers in a process of their own: what they load, and the ids they give."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HUGGING_FACE = """
import json, sys, tokenizers
theirs = tokenizers.Tokenizer.from_file(sys.argv[1])
texts = json.load(sys.stdin)
ids = [theirs.encode(text).ids for text in texts]
decoded = [theirs.decode(row, skip_special_tokens=False) for row in ids]
json.dump({"ids": ids, "decoded": decoded, "again": theirs.to_str(pretty=True)}, sys.stdout)
"""

HUGGING_FACE_TWO_FILES = """
import json, os, sys, tokenizers
from tokenizers import Regex, models, pre_tokenizers
folder = os.path.dirname(sys.argv[1])
model = models.BPE.from_file(os.path.join(folder, "vocab.json"), sys.argv[1])
theirs = tokenizers.Tokenizer(model)
split = pre_tokenizers.Split(Regex(sys.argv[2]), "isolated")
byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
theirs.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
json.dump({"ids": [theirs.encode(text).ids for text in json.load(sys.stdin)]}, sys.stdout)
"""

# tiktoken keeps what it read from a path, local ones too, and gives it again after the file changed
TIKTOKEN = """
import json, os, sys
os.environ["TIKTOKEN_CACHE_DIR"] = ""
import tiktoken
from tiktoken.load import load_tiktoken_bpe
theirs = tiktoken.Encoding(
    "ours",
    pat_str=sys.argv[2],
    mergeable_ranks=load_tiktoken_bpe(sys.argv[1]),
    special_tokens=json.loads(sys.argv[3]),
)
ids = [theirs.encode(text, allowed_special="all") for text in json.load(sys.stdin)]
json.dump({"ids": ids, "decoded": [theirs.decode(row) for row in ids]}, sys.stdout)
"""

MISTRAL = """
import json, sys
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
theirs = Tekkenizer.from_file(sys.argv[1])
ids = [theirs.encode(text, bos=False, eos=False) for text in json.load(sys.stdin)]
json.dump({"ids": ids, "n_words": theirs.n_words}, sys.stdout)
"""


def without_our_keys(tokenizer_json: str) -> str:
    """A file of ours as the library would write it: without the keys that only we read."""
    lines = tokenizer_json.splitlines(keepends=True)
    ours = ('    "fingerprint": ', '    "unicode_version": ')
    return "".join(line for line in lines if not line.startswith(ours))


def ask(code: str, package: str, texts: list[str], *arguments: str | Path) -> dict[str, Any]:
    """Run ``code`` with the file and ``texts`` in a fresh Python; skip without the package."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
