"""What passes over many rules cost, and replays of many days."""
