"""Losses that stand alone: a module, a source file, a torch.export program, a document."""
