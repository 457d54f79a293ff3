"""The synthesizer: oscillators, envelopes and filters; drums and voices made of them; effects."""
