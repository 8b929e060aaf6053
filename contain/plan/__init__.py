"""From spec and host to operations by stage: the one place where what was written meets what is there."""
