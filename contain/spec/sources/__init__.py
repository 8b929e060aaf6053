"""One module per source of a spec; each has `read(target, options) -> Spec`."""
