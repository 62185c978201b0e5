"""The wire formats of the predictor as pure functions: bytes to a request, an answer to bytes.

    openai     POST /v1/embeddings
    rerank     POST /v1/rerank, /v2/rerank, /rerank: Cohere, Jina, TEI and NIM shapes
    tei        POST /embed
    oip        the Open Inference Protocol's tensors, for REST and gRPC alike
    oip_rest   POST /v2/models/{m}/infer, JSON and the binary tensor extension
    faults     an error to a status, headers and a body in the dialect of the route

A parser returns a frozen call, which holds the request noun of `work` beside what only the answer
needs, or raises a leaf of `RequestError`; nothing else leaves it, whatever the bytes. A renderer
returns the body. No socket, no clock, no random number and no model is touched here.

Fields that a route does not know are ignored, because clients add new ones; a known field of the
wrong type is refused. `null` means absent. Counting starts at 0, as in the answers' `index`.
Messages name fields, types and numbers and never quote a text.
"""
