"""What is bought: sales, and the claims that tie Stripe's objects to the one thing each of them caused."""
