"""Where the referral service is asked: partners, staff and the other services."""
