"""The corpus that the shipped matcher is trained on: where its songs come from and how they are made.

midi     POP909 songs arranged for a band, played by FluidSynth
remix    new songs from the tracks of multitracks: random mutes, gains and pans
finish   a random but sensible mixing and mastering of a song, so that records differ in sound
corpus   all of it as takes on disk
"""
