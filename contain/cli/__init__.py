"""The command line: one module a verb, each parses its options, makes one call below and prints."""
