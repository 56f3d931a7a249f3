"""What a payment means in credits. Values in, values out."""
