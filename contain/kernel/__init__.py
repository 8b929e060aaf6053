"""Typed readers of kernel files: they read, they never decide. Everything here imports the standard library's `os` at most."""
