"""What the app shows, computed without a terminal: pure functions and plain containers."""
