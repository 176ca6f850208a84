"""Whom we ask before we tell, and whom we tell: referral, hubs' endpoints, a mail server."""
