"""For test suites: the pytest plugin."""
