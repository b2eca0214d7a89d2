"""What runs in the instance's own interpreter: standard library only, started and never imported by us."""
