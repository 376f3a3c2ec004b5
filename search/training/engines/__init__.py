"""How candidates are trained: all at once as one program, or one after another."""
