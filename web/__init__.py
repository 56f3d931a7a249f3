"""The service: REST, pages, webhooks and the command. Imports `billing` and `jobs`; nothing imports it."""
