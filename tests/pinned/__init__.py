"""Three searches whose every word is pinned."""
