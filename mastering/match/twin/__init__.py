"""An exact, differentiable twin of the mastering chain, in torch. It computes what `mastering.host` renders.

Nothing here is a model that was trained: every step is the host's own arithmetic with its derivative.

convolution  linear-phase filters and crossovers by overlap-save, with their adjoints
curves       gain curves in dB -> responses of the host's linear-phase filters
biquads      parametric bands -> complex responses
compression  the compressor's recursion and its adjoint, compiled
saturation   tanh at four times the rate
steps        TwinStep: a step of a chain with tensors in place of its numbers
render       samples and TwinSteps -> samples, one step after another as the host does
measures     third octaves, crest and level percentiles as `mastering.measure` reads them
parameters   TwinChain: the free numbers of a chain as unbounded tensors
objective    errors of tone and density as one number
descent      gradient steps on a TwinChain that keep the best
bounds, goals, excerpt  refinement (`mastering.match.refine`): what may move, what is wanted, how it came out
oracle       the chain that brings an excerpt closest to a known truth, for benchmarks

torch is imported here and nowhere above: import this package only where gradients are wanted.
"""
