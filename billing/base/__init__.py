"""What every room stands on: database, time, ids, settings, wording."""
