"""Other people's systems as HTTP servers: a hub's EHR, a payer, an identity provider.

They stand outside: each has its own keys and ids, sees what a partner sees, speaks HTTP only, and
imports neither `services` nor `contracts` nor a database driver.
"""
