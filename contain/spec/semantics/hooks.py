"""Hooks: programs that run beside the container."""

from __future__ import annotations

from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.spec.model import Spec


def hooks(spec: Spec) -> Iterator[Finding]:
    """A hook is a program by absolute path, with a time that is above zero."""
    for kind, rows in spec.config["hooks"].items():
        for index, row in enumerate(rows or ()):
            if not row["path"].startswith("/"):
                yield Finding(
                    "RUN304", f"/hooks/{kind}/{index}/path", f"{row['path']!r} is not an absolute path", "write the hook's full path"
                )
            if row.get("timeout", 1) <= 0:
                yield Finding(
                    "RUN303",
                    f"/hooks/{kind}/{index}/timeout",
                    f"{row['timeout']} is not above zero",
                    "write the seconds after which it is killed",
                )


RULES = (hooks,)
