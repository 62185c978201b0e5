"""Haystack: vectors through its OpenAI components, reranking as a component of its own.

EMBEDDER_URL and RERANKER_URL say where the predictors are.
"""

import os
from dataclasses import replace

import httpx
from haystack import Document, Pipeline, component
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import Secret

EMBEDDER = os.environ.get("EMBEDDER_URL", "http://localhost:8080")
RERANKER = os.environ.get("RERANKER_URL", "http://localhost:8090")
TEXTS = [
    "Mix flour, water, salt and yeast, let the dough rise, then bake it for 40 minutes.",
    "The stock market closed lower on Monday.",
    "A sourdough starter needs feeding once a day.",
]


@component
class Reranker:
    """Puts documents in the order of the predictor's scores."""

    def __init__(self, url: str, top_k: int = 3) -> None:
        self.url = url
        self.top_k = top_k

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document]) -> dict[str, list[Document]]:
        texts = [document.content for document in documents]
        body = {"query": query, "documents": texts, "top_n": self.top_k}
        answer = httpx.post(f"{self.url}/v1/rerank", json=body, timeout=30).raise_for_status()
        results = answer.json()["results"]
        return {
            "documents": [
                replace(documents[one["index"]], score=one["relevance_score"]) for one in results
            ]
        }


def main() -> None:
    """Index three texts, search them, rerank what was found, print it."""
    server = {
        "api_key": Secret.from_token("none"),
        "api_base_url": f"{EMBEDDER}/v1",
        "model": "embedder",
    }
    store = InMemoryDocumentStore()
    documents = [Document(content=text) for text in TEXTS]
    store.write_documents(OpenAIDocumentEmbedder(**server).run(documents)["documents"])
    search = Pipeline()
    search.add_component("embedder", OpenAITextEmbedder(**server))
    search.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=3))
    search.add_component("reranker", Reranker(RERANKER, top_k=2))
    search.connect("embedder.embedding", "retriever.query_embedding")
    search.connect("retriever.documents", "reranker.documents")
    question = "How do I bake bread?"
    answer = search.run({"embedder": {"text": question}, "reranker": {"query": question}})
    for document in answer["reranker"]["documents"]:
        print(f"{document.score:.3f}  {document.content}")


if __name__ == "__main__":
    main()
