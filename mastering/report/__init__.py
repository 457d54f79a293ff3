"""What was done and why, in words, numbers and plots."""
