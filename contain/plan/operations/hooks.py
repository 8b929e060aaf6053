"""Operations of the family hooks."""

from __future__ import annotations
