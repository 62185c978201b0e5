"""The parent process: it starts engines and API workers, restarts them and ends them in order."""
