"""Checks of deploy/: what it says must be what the code is. Run by deploy/check."""
