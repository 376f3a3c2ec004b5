"""Tasks from files and datasets."""
