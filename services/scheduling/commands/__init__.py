"""What scheduling does, one act each; the caller's transaction decides whether it happened."""
