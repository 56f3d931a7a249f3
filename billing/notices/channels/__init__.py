"""The ways out: mail, webhooks, staff. Each makes one attempt and says what came of it."""
