"""What is bought once: top-ups, and how they are tied to what Stripe says."""
