"""Rules of the family runtime."""
