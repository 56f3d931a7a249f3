"""What can be asked over HTTP: a file per noun, each a list of operations."""
