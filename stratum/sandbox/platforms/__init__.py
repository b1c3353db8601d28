"""One module or package per platform: its paths, its shapes, its errors."""
