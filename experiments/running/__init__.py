"""A search from its SPEC to its last unit, on this machine or on a cluster."""
