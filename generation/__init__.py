"""Generation: a small procedural band that renders stems and their mix."""
