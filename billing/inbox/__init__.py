"""What Stripe told us: stored first, handled once, kept until it is."""
