"""The layers of the sandbox, one module each."""
