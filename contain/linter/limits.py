"""Bounds for hostile input, as they are when nobody says otherwise: each is a diagnostic, and an option."""

from __future__ import annotations

#: bytes of a document: registries take no larger manifest
SIZE = 4 * 1024 * 1024
#: how deep a document may be nested, and the most that may be asked for, since readers that call themselves have a bound too
DEPTH, DEEPEST = 128, 300
FINDINGS = 1000
#: entries of an archive
ENTRIES = 1_000_000
#: how many times its size an archive may unpack to, and how many bytes in any case
RATIO, FREE = 200, 16 << 20
#: seconds that a file may take where processes share the work
SECONDS = 30
