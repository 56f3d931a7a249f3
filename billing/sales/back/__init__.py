"""Money that goes back, and the credits that go with it."""
