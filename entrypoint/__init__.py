"""catalog-upload: publish what a cartloader catalog lists, to S3 or to Zenodo."""

__version__ = "1.0.0"
