"""Facts and rules of telling: what may be asked for, where it may be sent, how long it is tried."""
