"""Who proposes the next trials."""
