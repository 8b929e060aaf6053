"""Operations of the family lifecycle."""

from __future__ import annotations
