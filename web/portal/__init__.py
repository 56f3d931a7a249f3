"""The customer's own pages, behind signed portal links."""
