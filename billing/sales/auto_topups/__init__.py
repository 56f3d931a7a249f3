"""Wallets that are topped up by themselves: what is set, when it is asked for, what becomes of it."""
