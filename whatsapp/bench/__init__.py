"""Benchmarks of WhatsApp: what `make bench` measures."""
