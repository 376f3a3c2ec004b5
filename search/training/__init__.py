"""Who trains the candidates of a cohort."""
