"""What is wrong, where, and what to do about it: one model for lint and launch, the table of rule ids, and one small module a format."""
