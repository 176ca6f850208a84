"""What documentation remembers: one function, one statement."""
