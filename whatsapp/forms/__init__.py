"""What people type about numbers, templates and contacts."""
