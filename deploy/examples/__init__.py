"""What somebody outside writes to use our events: needs neither our code nor our databases."""
