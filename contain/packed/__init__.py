"""What a verb imports, in one file that the interpreter runs: a hundred modules are there with one read instead of a hundred look-ups."""
