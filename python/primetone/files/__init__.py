"""Crash-safe writing of files and directories, and strict reading of JSON.

What is written here is, after any crash, either the old version or the new one. The order is
always: write under a temporary name in the same folder, fsync, rename, fsync the folder. A
temporary name is ``.<name>.<pid>.tmp``; it stays locked while its writer lives, so that the next
writer can tell what a killed one left behind and remove it (`sweep_stale`).
"""

from primetone.files.alone import held_alone
from primetone.files.atomic import replacing, require_place, write_atomically
from primetone.files.directory import (
    MANIFEST_NAME,
    DirectoryCommit,
    hash_file,
    read_manifest,
    remove_directory,
    verify_manifest,
)
from primetone.files.failures import explained, file_error
from primetone.files.scratch import ScratchFolder
from primetone.files.strict_json import json_bytes, read_json, write_json
from primetone.files.temporaries import sweep_stale

__all__ = [
    "MANIFEST_NAME",
    "DirectoryCommit",
    "ScratchFolder",
    "explained",
    "file_error",
    "hash_file",
    "held_alone",
    "json_bytes",
    "read_json",
    "read_manifest",
    "remove_directory",
    "replacing",
    "require_place",
    "sweep_stale",
    "verify_manifest",
    "write_atomically",
    "write_json",
]
