"""Who may ask: API keys, signed links, staff."""
