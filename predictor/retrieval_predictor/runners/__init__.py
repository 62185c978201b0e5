"""Ways to compute a batch behind one small interface, without torch in the serving process.

    runner       the interface, and the wrapper for models that score by their request's query
    prepared     the folder that a model is left in for OpenVINO, and why it serves or does not
    groups       which texts of a batch share a rectangle
    graph        OpenVINO computes the rectangles
    interaction  late interaction's score from token vectors

`retrieval_predictor.model` holds the other implementation: PyTorch, packed or padded.
"""
