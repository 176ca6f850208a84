"""Other people's systems as servers on sockets: they see what a partner sees."""
