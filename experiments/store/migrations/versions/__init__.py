"""The migrations, numbered in their order."""
