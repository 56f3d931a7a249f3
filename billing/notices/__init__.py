"""What people and programs are told: from a row of the outbox to a mailbox or an endpoint."""
