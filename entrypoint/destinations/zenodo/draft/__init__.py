"""The life of a draft: find it, make it, save its metadata, fill it, publish it."""
