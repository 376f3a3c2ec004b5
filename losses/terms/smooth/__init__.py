"""Parts that change the targets or reward uncertainty."""
