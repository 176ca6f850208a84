"""What scheduling remembers: one function, one statement."""
