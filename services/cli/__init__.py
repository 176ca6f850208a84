"""`waypost`: what an operator does by hand. `python -m services.cli --help`."""
