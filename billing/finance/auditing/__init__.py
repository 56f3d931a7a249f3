"""The audit: our books against themselves, a file per thing that is looked at."""
