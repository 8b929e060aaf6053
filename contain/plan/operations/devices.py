"""Operations of the family devices."""

from __future__ import annotations
