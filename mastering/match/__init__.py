"""Matchers: Features in, MasteringChain out."""
