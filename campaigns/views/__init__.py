"""Screens of this app, one module per place of the product."""
