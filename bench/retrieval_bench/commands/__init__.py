"""What each command does; `__main__` imports only the one that was asked for."""
