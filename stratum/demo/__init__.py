"""The demo: two look-alike workspaces with people, campaigns and 120 days of numbers, the same for the same seed."""
