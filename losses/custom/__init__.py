"""A user's own loss: declared, loaded from a file, examined, registered."""
