"""What people ask, and what is noticed by time and pace rather than by one spend."""
