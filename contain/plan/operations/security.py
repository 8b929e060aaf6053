"""Operations of the family security."""

from __future__ import annotations
