"""What rules say to services outside."""
