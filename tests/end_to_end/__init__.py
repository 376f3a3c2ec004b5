"""The main job, run as a user runs it."""
