"""`make bench`: contain beside its peers, in one run."""
