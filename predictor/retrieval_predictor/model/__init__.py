"""From a checkpoint to rows of numbers: everything that touches torch.

Letters used in shapes: N texts of a batch, T their tokens together, H hidden size, D output size.
"""
