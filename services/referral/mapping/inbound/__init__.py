"""What a hub sends, read into one intake model: transaction Bundle or a resource alone."""
