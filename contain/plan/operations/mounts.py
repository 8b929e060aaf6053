"""Operations of the family mounts."""

from __future__ import annotations
