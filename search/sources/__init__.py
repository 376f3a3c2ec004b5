"""Where tasks come from: tables, datasets, folders of images, frozen features. One file each."""
