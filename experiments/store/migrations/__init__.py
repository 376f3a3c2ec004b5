"""How the schema of a store came to be: one file a step under versions/, numbered and never changed."""
