"""Shipped weights with their model cards, and the demo photographs."""
