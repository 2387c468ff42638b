"""Settings, catalog and disk to one immutable plan."""
