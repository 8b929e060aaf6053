"""Operations of the family terminal."""

from __future__ import annotations
