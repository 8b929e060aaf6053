"""contain: runs commands, root file systems, OCI bundles and appc images in containers, and says beforehand what it will do."""

__version__ = "0.1.0"
