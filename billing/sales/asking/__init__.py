"""What is asked of Stripe: a row of ours first, then the question, then its answer."""
