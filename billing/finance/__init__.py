"""What finance asks."""
