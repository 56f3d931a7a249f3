"""What Stripe's objects are and do: a file per noun."""
