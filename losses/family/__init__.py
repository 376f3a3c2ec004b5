"""How parts become one function: quantities, steps, plans, the registry of parts, and the check of inputs."""
