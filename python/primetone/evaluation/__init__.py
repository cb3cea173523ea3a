"""Measuring models: likelihood, baselines and the report that puts them side by side.

Measures of sentences stand here by name:

>>> import primetone
>>> primetone.evaluation.bleu(["a cat sat on a mat"], ["a cat sat on the mat"], 2)
0.7071067811865476
"""

from primetone.evaluation.samples import (
    SampleQuality,
    bleu,
    distinct,
    jsd,
    longest_copies,
    measure_samples,
    novelty,
    self_bleu,
    words,
)

__all__ = [
    "SampleQuality",
    "bleu",
    "distinct",
    "jsd",
    "longest_copies",
    "measure_samples",
    "novelty",
    "self_bleu",
    "words",
]
