"""What only CI runs: the image in containers, and workflows by act. See `.ci/run`."""
