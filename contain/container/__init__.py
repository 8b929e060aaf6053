"""Containers as they live: listing, signalling, waiting, removing, and what a running one shows."""
