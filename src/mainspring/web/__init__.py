"""Pages; the browser uses the public API."""
