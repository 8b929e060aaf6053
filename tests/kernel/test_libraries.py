"""Shared libraries by name."""

from __future__ import annotations

from contain.kernel.libraries import find


def test_one_that_is_there_and_one_that_is_not() -> None:
    """The C library is found; a name that nobody has is not."""
    assert find("libnone-of-this-name.so.9") is None
    found = find("libc.so.6") or find("libc.musl-x86_64.so.1")
    assert found is None or found[1].st_size > 0
