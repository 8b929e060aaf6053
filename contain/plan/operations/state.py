"""Operations of the family state."""

from __future__ import annotations
