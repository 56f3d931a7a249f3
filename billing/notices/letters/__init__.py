"""Letters: a template per kind and language says what is written, two frames say how it looks."""
