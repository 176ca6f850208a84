"""What notifications remembers: one function, one statement."""
