"""What the referral service does: one act a module."""
