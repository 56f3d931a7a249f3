"""The sandbox's own pages: the one a buyer pays on, and the one that shows what it knows."""
