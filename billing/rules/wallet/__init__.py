"""What may happen to one wallet."""
