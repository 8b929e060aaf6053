"""Seccomp filters: the default one (names in profile, bytes in generated/) and those that a manifest brings (compiler, cache)."""
