"""Waypost for those with Docker: what docker-compose.yml mounts."""
