"""Formulas of the family with their gradients written out, in few passes over the logits."""
