"""What is sold: the catalog file, and the terms it comes to."""
