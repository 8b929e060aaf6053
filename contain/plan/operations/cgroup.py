"""Operations of the family cgroup."""

from __future__ import annotations
