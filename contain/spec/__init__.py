"""The one runtime specification, whatever the source: model, defaults, the table of options, one function per source."""
