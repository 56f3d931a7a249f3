"""What a customer has: wallets, buckets, holds and the entries behind them."""
