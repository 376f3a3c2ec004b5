"""What every loss promises, and the batches on which the promises are checked."""
