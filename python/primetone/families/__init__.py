"""The model families: the only table that names them, each imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType

from primetone.config import did_you_mean
from primetone.contracts import Family
from primetone.errors import ConfigError

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "decoder": "primetone.families.decoder:DECODER",
        "gan": "primetone.families.gan.family:GAN",
        "signal": "primetone.families.signal.family:SIGNAL",
    }
)
"""Name of a family -> `module:object` that holds it. A new family is one file and one line here."""


def family(name: str) -> Family:
    """The family of that name; ConfigError with the nearest name when there is none."""
    if name not in FAMILIES:
        raise ConfigError(
            f"family: expected a known model family, found {name!r}: {did_you_mean(name, FAMILIES)}"
        )
    module, _, attribute = FAMILIES[name].partition(":")
    found: Family = getattr(importlib.import_module(module), attribute)
    return found
