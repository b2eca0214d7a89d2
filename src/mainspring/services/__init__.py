"""The loops that act; they know the records and the sockets, never each other."""
