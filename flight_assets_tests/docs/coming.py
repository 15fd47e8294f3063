"""Commands that pages show before the code has them. Delete an entry when it arrives: a test asks for that."""

COMMANDS: set[str] = set()
