"""What notifications does: each function one act, in the caller's transaction."""
