"""Tests with containers: the plugin of pytest, and its mark for type checkers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Unpack

    import pytest

    from contain.container.options import SandboxOptions


def marked(**options: Unpack[SandboxOptions]) -> pytest.MarkDecorator:
    """The mark `sandbox`, with options that a type checker knows: `@marked(rootfs="root", memory="64m")`, `pytestmark = marked(…)`."""
    import pytest

    return pytest.mark.sandbox(**options)
