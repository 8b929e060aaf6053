"""Operations of the family rootfs."""

from __future__ import annotations
