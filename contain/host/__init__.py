"""What is there: this host, this user on it, and the target's own facts, as one value that can be saved and loaded."""
