"""The stack on a real container engine."""
