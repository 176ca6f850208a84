"""What the referral service remembers: one function, one statement."""
