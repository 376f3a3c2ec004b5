"""Tasks from files and datasets."""

from .csv import csv_fields
from .dataset import dataset_fields
from .features import features_fields
from .images import image_folder_fields

__all__ = [
    "csv_fields",
    "dataset_fields",
    "features_fields",
    "image_folder_fields",
]
