"""What Therapeutic Mentoring asks of a referral: facts and rules, pure."""
