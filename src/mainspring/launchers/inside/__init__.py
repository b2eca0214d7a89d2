"""What runs in the instance's own interpreter, standard library only; the platform starts it, never imports it."""
