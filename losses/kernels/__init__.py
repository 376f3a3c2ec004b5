"""Formulas with their gradients written out, in few passes over the logits; without the family."""
