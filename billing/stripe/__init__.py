"""How Stripe speaks: its payloads as our own values, its signatures. Only this room may import `stripe`."""
