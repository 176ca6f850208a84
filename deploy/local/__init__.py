"""Runs Waypost without Docker and without root: `make up`."""
