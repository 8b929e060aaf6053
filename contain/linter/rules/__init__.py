"""The rules: a folder for each family, a module for each section of a manifest."""
