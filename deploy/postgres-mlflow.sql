-- MLflow's tables live beside the store's, in a database of their own.
CREATE DATABASE mlflow OWNER lossmith;
