"""The kinds of documents that have a schema in specs/."""

#: kind → (class of the whole document, prefix of its other classes)
KINDS = {
    "runtime-config": ("Config", ""),
    "runtime-state": ("State", "State"),
    "runtime-process-state": ("ContainerProcessState", "Process"),
    "runtime-features": ("Features", "Features"),
}
