"""Decide: values in, values out. No database, network, clock or floats. A refusal is returned, never raised."""
