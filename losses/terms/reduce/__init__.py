"""From the losses of the samples to the loss of the batch."""
