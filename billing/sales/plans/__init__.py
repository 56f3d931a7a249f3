"""What subscriptions bring: allocations, changes of plan, ends, free plans."""
